from slidemill.training.history import EpochRow, best_epoch, write_history


def row(epoch, validation_loss):
    return EpochRow(epoch, 0.001, 1 / 3, 0.5, validation_loss, 0.75)


def test_best_epoch_is_the_first_with_the_lowest_validation_loss():
    rows = [row(1, 0.5), row(2, 0.2), row(3, 0.2), row(4, 0.9)]
    assert best_epoch(rows) is rows[1]


def test_table_has_a_header_and_a_row_an_epoch(tmp_path):
    path = tmp_path / "history.tsv"
    write_history(path, [row(1, 0.5), row(2, 0.25)])
    header, *lines = path.read_text().splitlines()
    assert header.split("\t")[:3] == ["epoch", "learning_rate", "train_loss"]
    assert lines == ["1\t0.001\t0.333333\t0.5\t0.5\t0.75", "2\t0.001\t0.333333\t0.5\t0.25\t0.75"]
