"""Published sets of bags, as benchmarks/mil_table.py reads them."""

import importlib.util
import re
import sys
from pathlib import Path

import click
import numpy as np
import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "bag_sets.py"

# Two bags of each label; the instances of bag 7 do not stand together.
GOOD = {
    "X": np.arange(12, dtype=np.float64).reshape(6, 2),
    "bag": np.array([7, 3, 7, 9, 12, 12]),
    "y": np.array([1, -1, 1, -1]),
}


@pytest.fixture(scope="module")
def bag_sets():
    spec = importlib.util.spec_from_file_location("bag_sets", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
        spec.loader.exec_module(module)
        yield module


def test_any_numbers_of_bags_and_two_labels_of_any_kind_are_read(bag_sets, tmp_path):
    np.savez(tmp_path / "tiger.npz", **GOOD)
    (path,) = bag_sets.set_paths(tmp_path, ())
    own = bag_sets.BagSet.read(path, least_bags=2)
    assert own.labels.tolist() == [1, 0, 1, 0]
    assert [own.of(bag)[:, 0].tolist() for bag in range(4)] == [[2], [0, 4], [6], [8, 10]]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"y": None}, "there is no y"),
        ({"X": GOOD["X"].ravel()}, r"X is float64 of shape \(12,\)"),
        ({"X": GOOD["X"].astype(str)}, r"X is <U\d+ of shape \(6, 2\)"),
        (
            {"X": np.where(GOOD["X"] == 5, np.nan, GOOD["X"])},
            "instance 2 of bag 7 has a value that is no finite number",
        ),
        ({"bag": GOOD["bag"][:5]}, r"X has 6 instances, and bag has shape \(5,\)"),
        ({"y": GOOD["y"][:3]}, r"bag numbers 4 bags, and y has shape \(3,\)"),
        ({"y": np.array([0, 1, 2, 0])}, r"y has 3 kinds of labels \(0, 1, 2\)"),
        ({"y": np.array([0, 0, 0, 1])}, "1 bags have the rarer label, and 2 are needed"),
        ({"y": np.array([0, 1, 0, None])}, "it cannot be read"),
    ],
)
def test_what_is_no_set_is_told_in_one_line(bag_sets, tmp_path, changes, told):
    path = tmp_path / "odd.npz"
    np.savez(path, **{name: values for name, values in (GOOD | changes).items() if values is not None})
    with pytest.raises(click.ClickException, match=f"^{re.escape(str(path))}: {told}") as caught:
        bag_sets.BagSet.read(path, least_bags=2)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"bag,y\n1,0\n"])
def test_a_file_that_is_no_archive_is_told_in_one_line(bag_sets, tmp_path, content):
    path = tmp_path / "odd.npz"
    path.write_bytes(content)
    with pytest.raises(click.ClickException, match="it cannot be read"):
        bag_sets.BagSet.read(path)


def test_a_name_that_is_not_there_is_told_with_those_that_are(bag_sets, tmp_path):
    np.savez(tmp_path / "tiger.npz", **GOOD)
    with pytest.raises(click.ClickException, match=r"no elefant\.npz; there are tiger$"):
        bag_sets.set_paths(tmp_path, ("elefant",))
