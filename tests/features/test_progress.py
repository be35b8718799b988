from slidemill.features.progress import Progress


def test_speed_and_time_left_are_told_every_half_minute(monkeypatch, caplog):
    caplog.set_level("INFO")
    seconds = iter([0.0, 10.0, 31.0, 40.0, 62.0])
    monkeypatch.setattr("slidemill.features.progress.time.monotonic", lambda: next(seconds))
    progress = Progress(400)
    for _ in range(3):
        progress.add(62)  # at 10, 31 and 40 seconds
    progress.end()
    assert caplog.messages == ["124 of 400 tiles, 4 tiles/s, 69 s left", "186 tiles in 62.0 s, 3.0 tiles/s"]
