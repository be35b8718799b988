"""Models of bags of pixels, trained by scripts/train_mil.py on one rank and on two."""

import json

import numpy as np
import pytest

from slidemill.splits import SplitRow, write_splits
from slidemill.training.description import read_description

from ..classifier.conftest import TILE_SIZE, striped_tile
from .conftest import write_tiles
from .test_training import CLASSES, EPOCHS, KILLED, SCRIPT, TOLERANCE, Trained

pytestmark = pytest.mark.slow

TAKEN = 4


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Slides whose tiles with most tissue have fine stripes where there is tumour, and one of two tiles."""
    folder = tmp_path_factory.mktemp("striped")
    (folder / "tiles").mkdir()
    generator = np.random.default_rng(3)
    rows = []
    for number in range(10):
        slide_id, label = f"s{number}", number % 2
        tiles = 2 if number == 4 else 7
        taken = [striped_tile(generator, label) for _ in range(min(tiles, TAKEN))]
        others = [striped_tile(generator, 1 - label) for _ in range(tiles - len(taken))]
        write_tiles(folder / "tiles", slide_id, [*others, *taken], [0.6] * len(others) + [0.9] * len(taken))
        split = "validation" if number >= 8 else "train"
        rows.append(SplitRow(slide_id, f"p{number}", CLASSES[label], "", split, tiles, "usable", ""))
    write_splits(folder / "splits.tsv", rows)
    return folder


def arguments(cohort, folder, *, ranks, **changes):
    options = {
        "input": "pixels",
        "expect_ranks": ranks,
        "splits": cohort / "splits.tsv",
        "tiles": cohort / "tiles",
        "model": folder / "model.keras",
        "history": folder / "history.tsv",
        "facts": folder / "mil.json",
        "checkpoint": folder / "checkpoint",
        "tiles_of_slide": TAKEN,
        "input_size": TILE_SIZE // 2,
        "hidden": 16,
        "attention_width": 8,
        "epochs": EPOCHS,
        "batch_size": 4,
        "learning_rate": 0.003,
        "seed": 1,
    } | changes
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    return [*words, *(word for name in CLASSES for word in ("--class", name))]


@pytest.fixture(scope="module")
def trained(cohort, python_on_ranks, tmp_path_factory):
    """The trainings on one rank and on two."""
    found = {}
    for ranks in (1, 2):
        folder = tmp_path_factory.mktemp(f"on-{ranks}-ranks")
        run = python_on_ranks(ranks, SCRIPT, *arguments(cohort, folder, ranks=ranks))
        assert run.returncode == 0, run.stderr
        found[ranks] = Trained(folder)
    return found


def test_it_learns_from_the_tiles_with_most_tissue_and_says_what_it_is(trained):
    training = trained[1]
    assert training.history[-1]["train_loss"] < 0.8 * training.history[0]["train_loss"]
    description = read_description(training.folder / "model.keras")
    assert (description.method, description.encoder, description.slide_tiles) == ("mil", None, TAKEN)
    assert (description.tile_size_px, description.input_size_px) == (TILE_SIZE, TILE_SIZE // 2)
    facts = json.loads((training.folder / "mil.json").read_text())
    assert facts["pixels"]["tiles_of_slide"] == TAKEN
    assert (facts["train"]["tiles"], facts["train"]["slide_tiles"]["s4"]) == (7 * TAKEN + 2, 2)


def test_two_ranks_that_share_a_batch_learn_what_one_learns(trained):
    """From the same tiles, changed by the same random numbers."""
    for found, expected in zip(trained[2].weights(), trained[1].weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    for found, expected in zip(trained[2].history, trained[1].history, strict=True):
        assert found == pytest.approx(expected, rel=1e-4)


def test_a_training_that_was_killed_goes_on_to_the_same_bits(trained, cohort, python_on_ranks, tmp_path):
    words = arguments(cohort, tmp_path, ranks=1, checkpoint_steps=1)
    environment = {"KILLED_AT_STEP": "1", "PROGRAM": SCRIPT.name}
    assert python_on_ranks(1, KILLED, *words, environment=environment).returncode != 0
    run = python_on_ranks(1, SCRIPT, *words)
    assert run.returncode == 0, run.stderr
    assert "going on after epoch 2 and 1 steps" in run.stderr
    assert (tmp_path / "model.keras").read_bytes() == (trained[1].folder / "model.keras").read_bytes()
    for name, array in trained[1].arrays.items():
        np.testing.assert_array_equal(Trained(tmp_path).arrays[name], array, err_msg=name)
