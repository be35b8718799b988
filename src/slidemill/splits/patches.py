"""splits.tsv for a training on listed patches: the same slides in the same splits, with their patches counted."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from slidemill.errors import ConfigError
from slidemill.splits.table import Split, SplitRow, read_splits, write_splits
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_summary, store_paths

_LEARNING: tuple[Split, ...] = ("train", "validation")


def check_patches(counts: Mapping[str, Mapping[str, int]], splits: Mapping[str, str], classes: Collection[str]) -> None:
    """Check that there is something to learn and to validate on.

    Args:
        counts: for each slide the number of its patches of each class.
        splits: of each slide.
        classes: of the config.

    Raises:
        ConfigError: a class has no patch in a split that is learned from.
    """
    for split in _LEARNING:
        own = [counts[slide_id] for slide_id, of_slide in splits.items() if of_slide == split and slide_id in counts]
        for name in classes:
            if not any(count[name] for count in own):
                raise ConfigError(
                    f"config: labels.patches: no patch of '{name}' is on a slide of the split '{split}'. List some, or "
                    "put other slides into the split by the sheet's column 'split'."
                )


def count_patches(splits: Path, patches: Path, output: Path, *, exclude: Collection[QualityFlag]) -> None:
    """Write a table as splits.tsv, in which slides have as many tiles as they have patches.

    Args:
        splits: splits.tsv.
        patches: folder of tile stores with patches; a slide that has none there has no patches.
        output: the table to write.
        exclude: patches with one of these flags are not counted.

    Raises:
        ZarrZipError: a store is damaged.
    """
    write_splits(output, [_counted(row, patches, exclude) for row in read_splits(splits)])


def _counted(row: SplitRow, patches: Path, exclude: Collection[QualityFlag]) -> SplitRow:
    store = store_paths(patches, row.slide_id)[1]
    is_used = row.split in _LEARNING and store.exists()
    return replace(row, tile_count=read_summary(store, exclude).tile_count if is_used else 0)
