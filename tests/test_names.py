import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.names import FILE_NAME_BYTES, file_name_problem, normalised, reading, text_problem


@pytest.mark.parametrize(
    "name",
    [
        "S-001.a_b",
        "M\u00fcller_\u80ba-1",
        "\u0410\u0411-7",
        "\u0915\u093f\u0924\u093e\u092c",
        "\u0645\u0631\u064a\u0636",
        "7",
        "\u03b1",
    ],
)
def test_names_of_every_script_may_be_file_names(name):
    assert file_name_problem(name) is None
    assert text_problem(name) is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "is empty"),
        ("../a", "holds '/' (U+002F), and names files"),
        (".hidden", "begins with '.' (U+002E), and names files"),
        ("_a", "begins with '_' (U+005F)"),
        ("a b", "holds SPACE (U+0020)"),
        ("a{x}", "holds '{'"),
        ("a*", "holds '*'"),
        ("a?", "holds '?'"),
        ("a:b", "holds ':'"),
        ("a\\b", "holds '\\'"),
        ("a'b", "holds"),
        ('a"b', "holds"),
        ("a$b", "holds '$'"),
        ("a\u00b2", "holds '\u00b2'"),
        ("a.", "ends with a dot"),
        ("NUL", "device on Windows"),
        ("com1.x", "device on Windows"),
        ("a" * 201, "has 201 bytes, and names files"),
        ("\u80ba" * 67, "has 201 bytes"),
        ("a\u202eb", "holds RIGHT-TO-LEFT OVERRIDE (U+202E), which nobody sees"),
        ("a\u200bb", "holds ZERO WIDTH SPACE"),
        ("a\u3164b", "holds HANGUL FILLER"),
        ("a\ufe0fb", "holds VARIATION SELECTOR-16"),
        ("a\x07b", "holds a control character (U+0007)"),
        ("\u0301a", "holds COMBINING ACUTE ACCENT (U+0301) without a letter before it"),
        ("a\ufffdb", "holds a letter that was lost"),
        ("-a", "begins with '-', which spreadsheets run as a formula"),
    ],
)
def test_what_cannot_name_a_file_is_told(name, told):
    assert told in file_name_problem(name)


@pytest.mark.parametrize("name", ["P 1", "M\u00fcller, Anna", "HER2+", "T1 (early)", "a/b", "\u80ba \u764c"])
def test_texts_may_hold_blanks_and_signs(name):
    assert text_problem(name) is None


@pytest.mark.parametrize("start", "=+-@\uff1d\uff0b\uff0d\uff20")
def test_what_a_spreadsheet_runs_is_no_name(start):
    assert "spreadsheets run as a formula" in text_problem(f"{start}cmd|'/c calc'!A1")
    assert "spreadsheets run as a formula" in file_name_problem(f"{start}1")


def test_the_longest_name_leaves_room_for_the_longest_file_name(tmp_path):
    name = "\u80ba" * (FILE_NAME_BYTES // 3)
    assert file_name_problem(name) is None
    (tmp_path / f".{'0' * 32}-{name}.ome.tiff").touch()


@given(st.text())
def test_what_names_a_file_names_anything_and_is_a_plain_name_there(name):
    if file_name_problem(name) is None:
        assert text_problem(name) is None
        assert not set(name) & set("/\\{}*?[]<>:|\"'`$&;!#%~ \t\r\n")
        assert name not in (".", "..")


@given(st.text(min_size=1))
def test_spellings_become_one(name):
    composed, decomposed = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    assert normalised(composed) == normalised(decomposed) == composed
    assert reading(composed) == reading(decomposed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("P-1", "p-1"),
        ("\uff30\uff11", "P1"),
        ("P 1", "P\u00a01"),
        ("Stra\u00dfe", "STRASSE"),
        ("P-1", "P\u20131"),
        ("P 1", "P  1"),
    ],
)
def test_names_that_are_read_the_same(one, other):
    assert reading(one) == reading(other)


def test_names_that_are_not():
    assert reading("P-1") != reading("P-2")
    assert reading("u") != reading("\u00fc")
