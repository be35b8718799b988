"""An independent look at splits.tsv: it trusts nothing of what made the table and shares no code with it."""

import csv
from collections import Counter, defaultdict
from collections.abc import Collection
from pathlib import Path

from slidemill.splits.design import GroupBy, SplitError


def check_splits(table: Path, slide_ids: Collection[str], group_by: GroupBy) -> None:
    """Read the written table back and check that it leaks nothing and leaves nothing out.

    Args:
        table: splits.tsv.
        slide_ids: of the cohort.
        group_by: "patient": no patient may be in two splits; "site": no site either.

    Raises:
        SplitError: it does not hold.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    if Counter(row["slide_id"] for row in rows) != Counter(slide_ids):
        raise SplitError(f"{table}: does not hold each slide of the sheet once. Delete the file, run again.")
    columns = {"patient": ["patient_id"], "site": ["patient_id", "site"]}[group_by]
    for column in columns:
        splits_of: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            splits_of[row[column]].add(row["split"])
        leaking = sorted(name for name, splits in splits_of.items() if len(splits) > 1)
        if leaking:
            what = {"patient_id": "patients", "site": "sites"}[column]
            raise SplitError(
                f"{table}: {what} in more than one split: {', '.join(leaking)}. Delete the file, run again."
            )
