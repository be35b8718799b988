"""A run that is killed, with all its children, and finished by running it again.

What is killed or stopped waits for it: the slide HELD is never cut before, and no training goes beyond its first epoch.
"""

import signal

import pytest

from .holding import Held

pytestmark = pytest.mark.slow

STORES = ("tiles/*", "splits.tsv", "shards/*")
EPOCHS = 3
HELD = "Normal-2"
BESIDE_HELD = ("--cores", "4")  # two for the slide that waits, two for the others, which are cut one after the other
SHARDED = ("results/slides", "results/tiles", "results/splits.tsv", "results/shards")  # all that training needs


@pytest.fixture
def held(workspace, tmp_path_factory):
    """The jobs that wait in the workspace."""
    return Held(workspace.environment, tmp_path_factory.mktemp("held"), slide_id=HELD)


def test_killed_while_tiles_are_cut(finished, workspace, held):
    tiles = workspace.folder / "results" / "tiles"
    workspace.kill_when(lambda: len(list(tiles.glob("[!.]*.zarr.zip"))) >= 3, *BESIDE_HELD)
    whole = finished.contents("tiles/*")
    cut = workspace.contents("tiles/[!.]*")
    assert 0 < len(cut) < len(whole)
    assert all(whole[name] == content for name, content in cut.items())  # no half file under a final name
    held.release_slide()
    workspace.snakemake("--unlock")
    workspace.snakemake("--cores", "2", "results/shards/plan.json")
    assert workspace.contents(*STORES) == finished.contents(*STORES)  # what the killed jobs left half written is gone


def test_killed_while_training(finished, workspace, held):
    workspace.go_on_from(finished, *SHARDED)
    checkpoints = workspace.folder / "results" / "checkpoints"
    workspace.kill_when(lambda: any(checkpoints.glob("[!.]*")), "--cores", "2", "results/model/model.keras")
    assert not (workspace.folder / "results/model/model.keras").exists()
    held.release_training()
    workspace.snakemake("--unlock")
    workspace.snakemake("--cores", "2", "results/model/model.keras")
    assert "going on after epoch" in (workspace.folder / "logs/train.log").read_text()
    assert len((workspace.folder / "results/model/history.tsv").read_text().splitlines()) == 1 + EPOCHS


def test_jobs_end_with_the_snakemake_that_was_killed(finished, workspace, held):
    tiles, checkpoints = (workspace.folder / "results" / name for name in ("tiles", "checkpoints"))
    workspace.kill_alone_when(lambda: len(list(tiles.glob("[!.]*.zarr.zip"))) >= 3, *BESIDE_HELD)
    assert len(list(tiles.glob("[!.]*.zarr.zip"))) < 10
    held.release_slide()
    workspace.snakemake("--unlock")
    workspace.kill_alone_when(lambda: any(checkpoints.glob("[!.]*")), "--cores", "2", "results/model/model.keras")
    assert not (workspace.folder / "results/model/model.keras").exists()
    held.release_training()
    workspace.snakemake("--unlock")
    workspace.snakemake("--cores", "2", "results/model/model.keras")
    assert workspace.contents(*STORES) == finished.contents(*STORES)
    assert "going on after epoch" in (workspace.folder / "logs/train.log").read_text()


def test_a_training_that_is_asked_to_stop_is_started_again_and_goes_on(finished, workspace, held):
    workspace.go_on_from(finished, *SHARDED)
    checkpoints = workspace.folder / "results" / "checkpoints"
    run = workspace.signal_when(
        lambda: any(checkpoints.glob("[!.]*")),
        signal.SIGTERM,
        "mpirun.py",
        *("--cores", "2", "--retries", "3", "results/model/model.keras"),
        ended=held.release_training,
    )
    assert run.returncode == 0, run.stdout
    assert "stopped by a signal; saved after step" in run.stdout  # Snakemake shows the log of the failed try
    assert "Trying to restart job" in run.stdout
    assert "going on after epoch" in (workspace.folder / "logs/train.log").read_text()
    assert len((workspace.folder / "results/model/history.tsv").read_text().splitlines()) == 1 + EPOCHS
