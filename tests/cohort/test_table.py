import csv
import io
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.cohort.table import SheetError, columns_of, read_rows


def write(folder, text):
    path = folder / "slides.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(path):
    with pytest.raises(SheetError) as caught:
        read_rows(path)
    return [line.removeprefix(str(path)) for line in caught.value.problems]


def test_rows_have_their_lines_and_their_filled_cells(tmp_path):
    path = write(tmp_path, "a\tb\t_mine\n1\t\tx\n\n 2 \t3\t\n")
    assert read_rows(path) == [(2, {"a": "1"}), (4, {"a": "2", "b": "3"})]


def test_rows_and_columns_without_content_are_passed_over(tmp_path):
    path = write(tmp_path, "a\tb\t\t \n\t\t\t\n1\t2\t\t\n \t \t\t\t\t\t\n3\t4\t\t\t\t\t\n\t\t\n\n")
    rows = read_rows(path)
    assert rows == [(3, {"a": "1", "b": "2"}), (5, {"a": "3", "b": "4"})]
    assert columns_of(rows) == ["a", "b"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_all_systems(tmp_path, end):
    assert read_rows(write(tmp_path, f"a\tb{end}1\t2{end}3\t4")) == [
        (2, {"a": "1", "b": "2"}),
        (3, {"a": "3", "b": "4"}),
    ]


def test_cells_in_quotes(tmp_path):
    path = write(tmp_path, 'a\tb\n"one, two"\t"he said ""no"""\n5" core\tx"y\n')
    assert read_rows(path) == [(2, {"a": "one, two", "b": 'he said "no"'}), (3, {"a": '5" core', "b": 'x"y'})]


@pytest.mark.parametrize("open_cell", ['"x', '"x"y', '"', '"a""'])
def test_an_open_quote_swallows_no_row(tmp_path, open_cell):
    path = write(tmp_path, f'a\tb\n1\t{open_cell}\n2\ty\n3\t"z"\n4\t{open_cell}\n')
    assert problems(path) == [ANY, ANY]
    assert [line.split(":")[0] for line in problems(path)] == [", line 2", ", line 5"]


def test_a_line_break_in_a_cell_is_told_on_both_lines(tmp_path):
    first, second = problems(write(tmp_path, 'a\tb\n1\tx\n"two\nlines"\ty\n3\tz\n'))[0], None
    assert first.startswith(", line 3: a cell begins with a quotation mark and does not end with one")
    assert second is None


@pytest.mark.parametrize("control", ["\0", "\x0b", "\x1b", "\u2028"])
def test_control_characters_are_refused(tmp_path, control):
    (found,) = problems(write(tmp_path, f"a\n1{control}2\n"))
    assert found.startswith(", line 2: a cell holds ")
    assert f"U+{ord(control):04X}" in found


def test_two_columns_of_one_name_are_refused(tmp_path):
    assert problems(write(tmp_path, "a\tb\ta \t_c\t_c\n1\t2\t3\t4\t5\n")) == [
        ": 2 columns are called 'a'. Keep one of them."
    ]


@pytest.mark.parametrize("text", ["a\tb\n1\t2\t3\n", "a\tb\t\n1\t2\t3\n", "a\t\tb\n1\t3\t2\n", "a\tb\n1\t2\t\t3\n"])
def test_content_in_a_column_without_a_name_is_refused(tmp_path, text):
    (found,) = problems(write(tmp_path, text))
    assert found.startswith(", line 2: '3' stands in column ")


@pytest.mark.parametrize(
    ("separator", "name"), [(",", "commas"), (";", "semicolons"), ("|", "bars"), ("    ", "blanks")]
)
def test_another_separator_is_said_once(tmp_path, separator, name):
    lines = [separator.join(cells) for cells in (["slide_id", "patient_id"], *([f"s{n}", f"P{n}"] for n in range(50)))]
    (found,) = problems(write(tmp_path, "\n".join(lines)))
    assert found == f": its columns are separated by {name}. Save it as tab-separated UTF-8 text."


@pytest.mark.parametrize("text", ["", "\n", "  \n", "a\tb\n", "a\tb\n\t\n\n"])
def test_a_sheet_without_slides(tmp_path, text):
    (found,) = problems(write(tmp_path, text))
    assert "no slides" in found


def test_text_of_another_encoding(tmp_path):
    (found,) = problems(write(tmp_path, "a\tb\n1\t2\n".encode("utf-16")))
    assert "Save it as tab-separated UTF-8 text" in found


CELLS = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), max_size=8).map(str.strip)


@given(table=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6))
def test_what_a_writer_of_such_tables_writes_is_read_as_it_was(tmp_path_factory, table):
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows([("a", "b"), *table])
    path = write(tmp_path_factory.mktemp("table"), text.getvalue())
    expected = [
        (line, {name: cell for name, cell in zip("ab", cells, strict=True) if cell})
        for line, cells in enumerate(table, start=2)
        if any(cells)
    ]
    if expected:
        assert read_rows(path) == expected
