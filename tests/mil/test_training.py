"""Models of bags trained by scripts/train_mil.py on one rank and on several."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from slidemill.splits import SplitRow, write_splits
from slidemill.training.description import read_description

from ..probe.conftest import DIMENSION, DrawnSlides, write_slide

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
SCRIPT = TESTS.parent / "scripts" / "train_mil.py"
KILLED = TESTS / "classifier" / "killed_program.py"
CLASSES = ("healthy", "tumour")
EPOCHS = 4
# Ranks add up the same numbers in another order.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Trained:
    """The files of a training."""

    folder: Path

    @property
    def history(self):
        with (self.folder / "history.tsv").open(newline="") as file:
            return [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file, delimiter="\t")]

    @property
    def arrays(self):
        with np.load(self.folder / "checkpoint") as arrays:
            return {name: arrays[name] for name in arrays.files if "/" in name}

    def weights(self):
        return [array for name, array in sorted(self.arrays.items()) if name.startswith("model/")]


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """Slides of very different sizes; in those with tumour a fifth of the tiles differ. Two of them to validate on."""
    slides = DrawnSlides(tmp_path_factory.mktemp("bags"))
    generator = np.random.default_rng(3)
    rows = []
    for number in range(16):
        slide_id, label = f"s{number:02}", number % 2
        tiles = (9, 40, 150, 17)[number // 2 % 4]
        features = generator.standard_normal((tiles, DIMENSION))
        features[: -(-tiles // 5) * label] += 2.0
        write_slide(slides, slide_id, generator.permutation(features) * 3 + 5)
        split = "validation" if number >= 14 else "train"
        rows.append(SplitRow(slide_id, f"p{number // 4}", CLASSES[label], "", split, tiles, "usable", ""))
    write_splits(slides.splits, rows)
    return slides


def arguments(cohort, folder, *, ranks, **changes):
    options = {
        "expect_ranks": ranks,
        "splits": cohort.splits,
        "tiles": cohort.tiles,
        "features": cohort.features,
        "model": folder / "model.keras",
        "history": folder / "history.tsv",
        "facts": folder / "mil.json",
        "checkpoint": folder / "checkpoint",
        "hidden": 16,
        "attention_width": 8,
        "max_tiles": 64,
        "tile_dropout": 0.1,
        "epochs": EPOCHS,
        "batch_size": 5,
        "learning_rate": 0.01,
        "weight_decay": 0.01,
        "seed": 1,
    } | changes
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    return [*words, *(word for name in CLASSES for word in ("--class", name))]


@pytest.fixture(scope="session")
def trained(cohort, python_on_ranks, tmp_path_factory):
    """Train on so many ranks, once."""
    finished = {}

    def train(ranks):
        if ranks not in finished:
            folder = tmp_path_factory.mktemp(f"on-{ranks}-ranks")
            run = python_on_ranks(ranks, SCRIPT, *arguments(cohort, folder, ranks=ranks))
            assert run.returncode == 0, run.stderr
            finished[ranks] = Trained(folder), run.stderr
        return finished[ranks]

    return train


def test_a_model_of_bags_learns_and_says_what_it_is(trained):
    training, told = trained(1)
    assert max(row["validation_accuracy"] for row in training.history) == 1.0
    assert training.history[-1]["train_loss"] < 0.5 * training.history[0]["train_loss"]
    assert training.history[0]["learning_rate"] == pytest.approx(0.01)
    description = read_description(training.folder / "model.keras")
    assert (description.method, description.architecture, description.classes) == ("mil", "gated_attention", CLASSES)
    assert (description.encoder.name, description.encoder.dimension) == ("drawn", DIMENSION)
    facts = json.loads((training.folder / "mil.json").read_text())
    assert (facts["train"]["bags"], facts["validation"]["class_bags"]) == (14, {"healthy": 1, "tumour": 1})
    assert "1 ranks with 14 bags to train on and 2 to validate on together" in told
    left = sorted(path.name for path in training.folder.iterdir())
    assert left == ["checkpoint", "history.tsv", "mil.json", "model.keras"]


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_that_share_a_batch_learn_what_one_learns(trained, ranks):
    """Three ranks share four or five bags, and the third has none to validate on."""
    (alone, _), (together, _) = trained(1), trained(ranks)
    for found, expected in zip(together.weights(), alone.weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    for found, expected in zip(together.history, alone.history, strict=True):
        assert found == pytest.approx(expected, rel=1e-4)


def test_a_training_that_was_killed_goes_on_to_the_same_bits(trained, cohort, python_on_ranks, tmp_path):
    words = arguments(cohort, tmp_path, ranks=2, checkpoint_steps=1)
    environment = {"KILLED_AT_STEP": "1", "PROGRAM": SCRIPT.name}
    assert python_on_ranks(2, KILLED, *words, environment=environment).returncode != 0
    shutil.copytree(tmp_path, tmp_path / "copy")
    run = python_on_ranks(2, SCRIPT, *words)
    assert run.returncode == 0, run.stderr
    assert "going on after epoch 2 and 1 steps" in run.stderr
    found, (expected, _) = Trained(tmp_path), trained(2)
    assert (tmp_path / "model.keras").read_bytes() == (expected.folder / "model.keras").read_bytes()
    assert found.history == expected.history
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array, err_msg=name)
    on_one_rank(cohort, python_on_ranks, tmp_path / "copy", expected)


def on_one_rank(cohort, python_on_ranks, folder, expected):
    """On another number of ranks it goes on from the last epoch, and learns the same but for rounding."""
    run = python_on_ranks(1, SCRIPT, *arguments(cohort, folder, ranks=1))
    assert run.returncode == 0, run.stderr
    assert "going on after epoch 2\n" in run.stderr
    for found, array in zip(Trained(folder).weights(), expected.weights(), strict=True):
        np.testing.assert_allclose(found, array, rtol=0, atol=TOLERANCE)
