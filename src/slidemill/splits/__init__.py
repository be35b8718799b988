"""Train, validation and test: by patient, from one seed."""

from slidemill.splits.assign import assign_splits, split_slides
from slidemill.splits.design import Fold, SplitDesign, SplitError, SplitFractions
from slidemill.splits.pin import pin_splits
from slidemill.splits.table import SPLITS, Split, SplitRow, read_splits, write_splits

__all__ = [
    "SPLITS",
    "Fold",
    "Split",
    "SplitDesign",
    "SplitError",
    "SplitFractions",
    "SplitRow",
    "assign_splits",
    "pin_splits",
    "read_splits",
    "split_slides",
    "write_splits",
]
