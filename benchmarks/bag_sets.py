"""The published sets of bags of multiple instance learning (MUSK, FOX, TIGER, ELEPHANT), one file each."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from slidemill.mil.bags import Bags, bags_of
from slidemill.mil.tile_values import MappedTiles
from slidemill.splits import SplitRow

CLASSES = ("0", "1")
ARRAYS = ("X", "bag", "y")


class BagSetError(click.ClickException):
    """A file that is no set of bags."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}. A set is an .npz file with X, (instances, values); bag, (instances,), the")
        self.message += " bag of each instance; and y, (bags,), two kinds of labels in the order of the bags' numbers."


@dataclass(frozen=True)
class BagSet:
    """Values of all instances, bag after bag, and the labels of bags.

    Attributes:
        values: (instances, values) float32.
        starts: (bags + 1,) int64, where each bag begins, and the end.
        labels: (bags,) int64, 0 or 1.
    """

    values: np.ndarray
    starts: np.ndarray
    labels: np.ndarray

    @classmethod
    def read(cls, path: Path, *, least_bags: int = 1) -> "BagSet":
        """Read a set; instances of a bag need not stand together, and of the two labels the greater is 1.

        Args:
            path: the file.
            least_bags: of each label, such as the number of folds.

        Raises:
            BagSetError: it has another layout, values that are no numbers, or too few bags.
        """
        values, bag, labels = _arrays(path)
        if values.ndim != 2 or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
            raise BagSetError(path, f"X is {values.dtype} of shape {values.shape}")
        if bag.shape != (len(values),):
            raise BagSetError(path, f"X has {len(values)} instances, and bag has shape {bag.shape}")
        numbers, counts = np.unique(bag, return_counts=True)
        if labels.shape != (len(numbers),):
            raise BagSetError(path, f"bag numbers {len(numbers)} bags, and y has shape {labels.shape}")
        rows = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(rows):
            raise BagSetError(path, f"instance {rows[0]} of bag {bag[rows[0]]} has a value that is no finite number")
        kinds, kind_of, bags_of_kind = np.unique(labels, return_inverse=True, return_counts=True)
        if len(kinds) != len(CLASSES):
            raise BagSetError(path, f"y has {len(kinds)} kinds of labels ({', '.join(map(str, kinds[:5]))})")
        if bags_of_kind.min() < least_bags:
            raise BagSetError(path, f"{bags_of_kind.min()} bags have the rarer label, and {least_bags} are needed")
        order = np.argsort(bag, kind="stable")
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(values[order].astype(np.float32), starts, kind_of.astype(np.int64))

    def of(self, bag: int) -> np.ndarray:
        """The values of a bag."""
        return self.values[self.starts[bag] : self.starts[bag + 1]]

    def part(self, chosen: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> tuple[Bags, MappedTiles]:
        """Some of the bags as the library takes them, standardised."""
        parts = [(self.of(bag) - mean) / deviation for bag in chosen]
        rows = [
            SplitRow(f"{bag:05d}", f"{bag:05d}", CLASSES[self.labels[bag]], "", "train", len(own), "usable", "")
            for bag, own in zip(chosen.tolist(), parts, strict=True)
        ]
        starts = np.concatenate([[0], np.cumsum([len(own) for own in parts])])
        return bags_of(rows, CLASSES, bag="slide"), MappedTiles(np.concatenate(parts), starts)

    def statistics(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of each value over the instances of some bags."""
        tiles = np.concatenate([self.of(bag) for bag in chosen])
        deviation = tiles.std(axis=0)
        return tiles.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def set_paths(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """The files of the sets of these names, or of all of a folder."""
    there = {path.stem: path for path in sorted(folder.glob("*.npz"))}
    if missing := [name for name in names if name not in there]:
        raise click.ClickException(f"{folder}: no {missing[0]}.npz; there are {', '.join(there) or 'no sets'}")
    if not there:
        raise click.ClickException(f"{folder}: there is no .npz file")
    return [there[name] for name in names or there]


def _arrays(path: Path) -> tuple[np.ndarray, ...]:
    try:
        # NumPy leaves a file open that it opened and that is no archive.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if missing := [name for name in ARRAYS if name not in file.files]:
                raise BagSetError(path, f"there is no {missing[0]}")
            return tuple(file[name] for name in ARRAYS)
    # A single array has no names, text is taken for a pickle, and a cut file for a damaged archive.
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise BagSetError(path, f"it cannot be read ({error})") from error
