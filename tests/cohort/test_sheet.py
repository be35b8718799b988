import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.cohort import SheetError, read_sheet
from slidemill.cohort.barcode import Barcode, parse_barcode

HEADER = "slide_id\tpatient_id\tlabel\tpath\tmpp\tsite\tsplit\t_note\n"


def sheet(folder, *rows, header=HEADER):
    path = folder / "slides.tsv"
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def problems(path):
    with pytest.raises(SheetError) as caught:
        read_sheet(path)
    lines = str(caught.value).splitlines()
    assert lines == caught.value.problems
    return [line.removeprefix(f"{path}") for line in lines]


def test_rows_become_slides_in_order_of_their_names(tmp_path):
    b, a = read_sheet(sheet(tmp_path, "b\tP2\tLUAD\tb.svs\t0.25\tX\ttest\tmine", "a\tP1\t\t\t\t\t\t"))[::-1]
    assert (a.slide_id, a.patient_id, a.label, a.path, a.mpp, a.site, a.split) == ("a", "P1", *[None] * 5)
    assert (b.slide_id, b.label, str(b.path), b.mpp, b.site, b.split, b.line) == (
        "b",
        "LUAD",
        "b.svs",
        0.25,
        "X",
        "test",
        2,
    )


@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_changes_nothing_but_their_lines(tmp_path_factory, seed):
    rows = [f"s{i}\tP{i // 2}\tLUAD\t\t\t\t\t" for i in range(8)]
    random.Random(seed).shuffle(rows)
    slides = read_sheet(sheet(tmp_path_factory.mktemp("sheet"), *rows))
    assert [slide.slide_id for slide in slides] == [f"s{i}" for i in range(8)]
    assert all(rows[slide.line - 2].startswith(slide.slide_id) for slide in slides)


def test_a_tcga_barcode_fills_in_patient_site_and_normal(tmp_path):
    tumour, normal = read_sheet(
        sheet(tmp_path, "TCGA-05-4244-01Z-00-DX1\t\tLUAD\t\t\t\t\t", "TCGA-05-4244-11A-01-TS1\t\t\t\t\t\t\t")
    )
    assert (tumour.patient_id, tumour.site, tumour.label) == ("TCGA-05-4244", "05", "LUAD")
    assert (normal.patient_id, normal.site, normal.label) == ("TCGA-05-4244", "05", "Normal")


@pytest.mark.parametrize(
    ("name", "barcode"),
    [
        ("TCGA-05-4244-01Z-00-DX1.d4ff32cd", Barcode("TCGA-05-4244", "05", 1)),
        ("TCGA-A1-A0SB", Barcode("TCGA-A1-A0SB", "A1", None)),
        ("TCGA-A1-A0SB-20A-01", Barcode("TCGA-A1-A0SB", "A1", 20)),
        ("tcga-a1-a0sb", None),
        ("slide_1", None),
    ],
)
def test_barcodes(name, barcode):
    assert parse_barcode(name) == barcode


def test_the_sample_type_tells_normal_tissue():
    normal = [sample for sample in range(1, 30) if Barcode("p", "s", sample).is_normal]
    assert normal == list(range(10, 20))


def test_every_mistake_is_told_with_its_line_and_what_to_do(tmp_path):
    found = problems(
        sheet(
            tmp_path,
            "a\tP1\tLUAD\t\t\tX\t\t",
            "a\tP2\tLUAD\t\t\t\t\t",
            "\tP3\tLUAD\t\t\t\t\t",
            "c\t\tLUAD\t\t\t\t\t",
            "d\tP4\tLUAD\t\tfine\t\t\t",
            "e\tP1\tLUAD\t\t\tY\t\t",
            "TCGA-05-4244-01A\tTCGA-05-9999\tLUAD\t\t\t\t\t",
        )
    )
    assert found == [
        ", line 4: no slide_id. Name the slide.",
        ", line 5: slide 'c' has no patient_id. Fill it in; splits are made by patient.",
        ", line 6: slide 'd': its mpp is 'fine'. Give a number.",
        ", line 8: slide 'TCGA-05-4244-01A' has patient_id 'TCGA-05-9999', its barcode says 'TCGA-05-4244'. "
        "Correct one of them.",
        ", line 3: slide_id 'a' stands on line 2 already. Give each slide its own.",
        ", lines 2, 7: patient 'P1' has site X and Y. A patient has one site: correct it, or give another patient_id.",
    ]


def test_a_patient_in_two_splits_is_refused(tmp_path):
    (found,) = problems(sheet(tmp_path, "a\tP\tLUAD\t\t\t\ttrain\t", "b\tP\tLUAD\t\t\t\ttest\t"))
    assert "patient 'P' has split test and train" in found


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no slides"),
        (HEADER.encode(), "no slides"),
        (b"slide_id\tpatient_id\nsl\xff\tP\n", "not a text table"),
    ],
)
def test_files_that_are_no_sheet(tmp_path, content, told):
    path = tmp_path / "slides.tsv"
    path.write_bytes(content)
    assert told in problems(path)[0]


def test_a_missing_sheet(tmp_path):
    assert problems(tmp_path / "none.tsv") == [": no such slide sheet. Correct 'slides' in the config."]


def test_a_byte_order_mark_and_blanks_do_no_harm(tmp_path):
    path = tmp_path / "slides.tsv"
    path.write_text("\ufeffslide_id\tpatient_id\n a \t P \r\n", encoding="utf-8")
    assert [(slide.slide_id, slide.patient_id) for slide in read_sheet(path)] == [("a", "P")]


NFD_MUELLER = "Mu\u0308ller"
NFC_MUELLER = "M\u00fcller"


def test_names_get_one_spelling(tmp_path):
    slides = read_sheet(
        sheet(
            tmp_path,
            f"{NFD_MUELLER}-1\t{NFD_MUELLER}\tLUAD\t\t\t{NFD_MUELLER}\t\t",
            f"b\t{NFC_MUELLER}\tLUAD\t\t\t\t\t",
        )
    )
    assert {slide.patient_id for slide in slides} == {NFC_MUELLER}
    assert [(slide.slide_id, slide.site) for slide in slides if slide.site] == [(f"{NFC_MUELLER}-1", NFC_MUELLER)]


def test_a_slide_in_two_spellings_is_one_slide(tmp_path):
    (found,) = problems(sheet(tmp_path, f"{NFD_MUELLER}\tP\tLUAD\t\t\t\t\t", f"{NFC_MUELLER}\tP\tLUAD\t\t\t\t\t"))
    assert "stands on line 2 already" in found


def test_paths_keep_their_spelling(tmp_path):
    (slide,) = read_sheet(sheet(tmp_path, f"a\tP\tLUAD\t{NFD_MUELLER}.svs\t\t\t\t"))
    assert slide.path == f"{NFD_MUELLER}.svs"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["s\tP1\t\t\t\t\t\t", "S\tP2\t\t\t\t\t\t"], "slide_id 's' and 'S' differ only in case"),
        (["a\tP-1\t\t\t\t\t\t", "b\tp-1\t\t\t\t\t\t"], "patient_id 'P-1' and 'p-1' differ only in case"),
        (
            ["a\tP1\t\t\t\t\t\t", "b\t\uff301\t\t\t\t\t\t"],
            "patient_id 'P1' and '\uff301' differ only in case, in the width",
        ),
        (["a\tP1\t\t\t\tUKE\t\t", "b\tP2\t\t\t\tUke\t\t"], "site 'UKE' and 'Uke' differ only in case"),
    ],
)
def test_names_that_look_the_same_are_refused_once(tmp_path, rows, told):
    again = rows[1].replace(rows[1][0], "again", 1)
    found = problems(sheet(tmp_path, *rows, again))
    assert [line for line in found if told in line and line.startswith(", lines 2 and 3:")] == found


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("=1+1\tP\t\t\t\t\t\t", "slide_id '=1+1' begins with '=', which spreadsheets run as a formula"),
        ("a\t@SUM(A1)\t\t\t\t\t\t", "patient_id '@SUM(A1)' begins with '@'"),
        ("a\tP\t+x\t\t\t\t\t", "label '+x' begins with '+'"),
        ("a\tP\t\t\t\t-x\t\t", "site '-x' begins with '-'"),
        ("../a\tP\t\t\t\t\t\t", "slide_id '../a' holds '/'"),
        ("a\tP\u200b1\t\t\t\t\t\t", "holds ZERO WIDTH SPACE (U+200B), which nobody sees"),
        ("a\tP\t\t~nobody-of-this-name/a.svs\t\t\t\t", "slide 'a': its path ~nobody-of-this-name/a.svs begins with"),
    ],
)
def test_cells_that_would_do_harm(tmp_path, row, told):
    (found,) = problems(sheet(tmp_path, row))
    assert f", line 2: {told}" in found or told in found


def test_of_very_many_mistakes_the_first_are_told(tmp_path):
    with pytest.raises(SheetError) as caught:
        read_sheet(sheet(tmp_path, *[f"s{number}\t\t\t\t\t\t\t" for number in range(1000)]))
    lines = str(caught.value).splitlines()
    assert len(lines) < 50
    assert lines[0].startswith(f"{tmp_path}/slides.tsv, line 2: slide 's0' has no patient_id")
    assert lines[-1] == f"... and {1000 - len(lines) + 1} more mistakes of the sheet"
