"""A run that is killed, with all its children, and finished by running it again."""

import signal

import pytest

pytestmark = pytest.mark.slow

STORES = ("tiles/*", "splits.tsv", "shards/*")
# A third of a second each: what is to be killed or stopped after the first of them does not end by itself meanwhile.
EPOCHS = 30
LONG_TRAINING = {"input_size": 64, "epochs": EPOCHS, "batch_size": 4}
SHARDED = ("results/slides", "results/tiles", "results/splits.tsv", "results/shards")  # all that training needs


def test_killed_while_tiles_are_cut(finished, workspace):
    tiles = workspace.folder / "results" / "tiles"
    workspace.kill_when(lambda: len(list(tiles.glob("[!.]*.zarr.zip"))) >= 3, "--cores", "2")
    whole = finished.contents("tiles/*")
    cut = workspace.contents("tiles/[!.]*")
    assert 0 < len(cut) < len(whole)
    assert all(whole[name] == content for name, content in cut.items())  # no half file under a final name
    workspace.snakemake("--unlock")
    workspace.snakemake("--cores", "2", "results/shards/plan.json")
    assert workspace.contents(*STORES) == finished.contents(*STORES)  # what the killed jobs left half written is gone


def test_killed_while_training(finished, workspace):
    workspace.go_on_from(finished, *SHARDED)
    workspace.write_config(training=LONG_TRAINING)
    checkpoints = workspace.folder / "results" / "checkpoints"
    workspace.kill_when(lambda: any(checkpoints.glob("[!.]*")), "--cores", "2", "results/model/model.keras")
    assert not (workspace.folder / "results/model/model.keras").exists()
    workspace.snakemake("--unlock")
    workspace.snakemake("--cores", "2")
    assert "going on after epoch" in (workspace.folder / "logs/train.log").read_text()
    assert len((workspace.folder / "results/model/history.tsv").read_text().splitlines()) == 1 + EPOCHS
    assert (workspace.folder / "results/report.html").exists()


def test_jobs_end_with_the_snakemake_that_was_killed(finished, workspace):
    workspace.write_config(training=LONG_TRAINING)
    tiles, checkpoints = (workspace.folder / "results" / name for name in ("tiles", "checkpoints"))
    workspace.kill_alone_when(lambda: len(list(tiles.glob("[!.]*.zarr.zip"))) >= 3, "--cores", "2")
    assert len(list(tiles.glob("[!.]*.zarr.zip"))) < 10
    workspace.snakemake("--unlock")
    workspace.kill_alone_when(lambda: any(checkpoints.glob("[!.]*")), "--cores", "2", "results/model/model.keras")
    assert not (workspace.folder / "results/model/model.keras").exists()
    workspace.snakemake("--unlock")
    workspace.snakemake("--cores", "2", "results/model/model.keras")
    assert workspace.contents(*STORES) == finished.contents(*STORES)
    assert "going on after epoch" in (workspace.folder / "logs/train.log").read_text()


def test_a_training_that_is_asked_to_stop_is_started_again_and_goes_on(finished, workspace):
    workspace.go_on_from(finished, *SHARDED)
    workspace.write_config(training=LONG_TRAINING)
    checkpoints = workspace.folder / "results" / "checkpoints"
    run = workspace.signal_when(
        lambda: any(checkpoints.glob("[!.]*")),
        signal.SIGTERM,
        "mpirun.py",
        *("--cores", "2", "--retries", "3", "results/model/model.keras"),
    )
    assert run.returncode == 0, run.stdout
    assert "stopped by a signal; saved after step" in run.stdout  # Snakemake shows the log of the failed try
    assert "Trying to restart job" in run.stdout
    assert "going on after epoch" in (workspace.folder / "logs/train.log").read_text()
    assert len((workspace.folder / "results/model/history.tsv").read_text().splitlines()) == 1 + EPOCHS
