"""Large architectures really train: two, whose pixels are prepared in different ways."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from slidemill.training.model_file import load_model

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "scripts" / "train.py"


@pytest.fixture(scope="module")
def few_tiles(write_plan, tmp_path_factory):
    return write_plan(tmp_path_factory.mktemp("few") / "shards", ranks=2, train=8, validation=4)


@pytest.mark.parametrize(("architecture", "input_size"), [("InceptionV3", 75), ("ResNet50", 32)])
def test_trains_a_few_steps(python_on_ranks, few_tiles, tmp_path, architecture, input_size):
    options = f"--expect-ranks 1 --architecture {architecture} --input-size {input_size} --epochs 1 --batch-size 4"
    options += " --learning-rate 0.0001 --seed 1 --warm-up-epochs 0 --precision float32"
    files = ["--plan", few_tiles, "--model", tmp_path / "model.keras", "--history", tmp_path / "history.tsv"]
    files += ["--checkpoint", tmp_path / "checkpoint"]
    finished = python_on_ranks(1, SCRIPT, *options.split(), *files)
    assert finished.returncode == 0, finished.stderr
    with (tmp_path / "history.tsv").open(newline="") as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert math.isfinite(float(row["train_loss"]))
    with np.load(tmp_path / "checkpoint") as arrays:
        optimizer = [arrays[name] for name in sorted(arrays.files) if name.startswith("optimizer/")]
    assert optimizer[0] == 4  # steps
    assert all(np.isfinite(array).all() for array in optimizer)
    scores = load_model(tmp_path / "model.keras")(np.full((1, input_size, input_size, 3), 200, np.float32))
    assert scores.shape == (1, 2)
