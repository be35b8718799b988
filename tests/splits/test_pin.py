import subprocess
import sys
from pathlib import Path

import pytest

from slidemill.cohort import read_sheet
from slidemill.splits import SplitError, SplitRow, pin_splits, write_splits

ROWS = [(f"{label}-{number}", f"P-{label}-{number}", label) for label in ("LUAD", "Normal") for number in range(5)]

SCRIPT = Path(__file__).parents[2] / "scripts" / "pin_splits.py"


def pin(*arguments):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "slides.tsv"
    rows = [f'{slide}\t{patient}\t{label}\tcell of "mine"\tglands 20x 1x1mm' for slide, patient, label in ROWS[::-1]]
    path.write_text("\n".join(["slide_id\tpatient_id\tlabel\t_note\tsynthetic", *rows]) + "\n")
    return path


def pin_by_seed(sheet, output, seed=1):
    shares = ["--train", 0.6, "--validation", 0.2, "--test", 0.2, "--seed", seed]
    return pin("--slides", sheet, "--class", "LUAD", "--class", "Normal", *shares, "--output", output)


def test_all_else_stays_as_it_is(sheet, tmp_path):
    before = sheet.read_bytes()
    output = tmp_path / "pinned.tsv"
    assert pin_by_seed(sheet, output) == f"{output}: 10 slides state their split\n"
    assert sheet.read_bytes() == before
    lines = output.read_text().splitlines()
    assert lines[0] == "slide_id\tpatient_id\tlabel\t_note\tsynthetic\tsplit"
    assert [line.split("\t")[0] for line in lines[1:]] == [row[0] for row in ROWS[::-1]]
    assert {slide.split for slide in read_sheet(output)} == {"train", "validation", "test"}


def test_pinned_splits_stay_with_another_seed(sheet, tmp_path):
    first, second = tmp_path / "first.tsv", tmp_path / "second.tsv"
    pin_by_seed(sheet, first)
    pin_by_seed(first, second, seed=7)
    assert second.read_bytes() == first.read_bytes()


def test_splits_of_an_earlier_run_leave_new_slides_open(sheet, tmp_path):
    table, output = tmp_path / "splits.tsv", tmp_path / "pinned.tsv"
    write_splits(table, [SplitRow(*ROWS[0], "", "test", 3, "usable", "")])
    pin("--slides", sheet, "--splits", table, "--output", output)
    assert {slide.slide_id: slide.split for slide in read_sheet(output) if slide.split} == {ROWS[0][0]: "test"}


def test_the_sheet_itself_is_not_written(sheet):
    with pytest.raises(SplitError, match=r"is the slide sheet itself\. Write the pinned sheet to another file"):
        pin_splits(sheet, {ROWS[0][0]: "test"}, sheet)


def test_splits_of_another_cohort_are_refused(sheet, tmp_path):
    with pytest.raises(SplitError, match="none of its slides has a split to pin"):
        pin_splits(sheet, {"other": "test"}, tmp_path / "pinned.tsv")
    assert not (tmp_path / "pinned.tsv").exists()
