from pathlib import Path

import pytest
import yaml

from slidemill.cohort import SheetError, read_sheet
from slidemill.cohort.sources import check_sources
from slidemill.cohort.validation import check_cells, check_labels

REPOSITORY = Path(__file__).parents[2]
SLIDES_SCHEMA = REPOSITORY / "schemas" / "slides.schema.yaml"
CONFIG = yaml.safe_load((REPOSITORY / "config.yaml").read_text())


def write(folder, text):
    path = folder / "slides.tsv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("slide_id\tmmp\na\t0.5\nb\t0.5\n", ": column 'mmp' is unknown. Did you mean 'mpp'? If it is your own, begin"),
        (
            "slide_id\tmpp\na\t0,5\n",
            ', line 2: mpp is "0,5". Expected: microns per pixel of the scan, a number such as 0.25',
        ),
        ("slide_id\tsplit\na\tTrain\n", ', line 2: split is "Train". Expected: train, validation or test, to decide'),
        (
            "slide_id\tmd5\na\tx\n",
            ', line 2: md5 is "x". Expected: MD5 of the file, 32 hexadecimal digits in lower case.',
        ),
        ("patient_id\nP\nQ\n", ": there is no column 'slide_id', or it is empty. Fill it in."),
        ("slide_id\tpatient_id\na\tP\n\tQ\n", ", line 3: slide_id is missing. Add it."),
    ],
)
def test_a_mistake_in_a_row_is_one_line(tmp_path, cells, told):
    with pytest.raises(SheetError) as caught:
        check_cells(write(tmp_path, cells), SLIDES_SCHEMA)
    (line,) = str(caught.value).splitlines()
    assert line.removeprefix(str(tmp_path / "slides.tsv")).startswith(told)


def test_the_demo_sheet_is_right():
    sheet = REPOSITORY / "cohorts" / "demo.tsv"
    check_cells(sheet, SLIDES_SCHEMA)
    slides = read_sheet(sheet)
    check_sources(sheet, slides)
    check_labels(sheet, slides, CONFIG["classes"])


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["LUAD", "LUSC", ""], "slide 's2' has no label. Write one of LUAD, LUSC in its 'label' column."),
        (["LUAD", "LUSC", "lusc"], "slide 's2' has label 'lusc', which is none of the config's classes (LUAD, LUSC)"),
        (["LUAD", "LUAD"], "no slide of class 'LUSC'. Add slides of this class, or take it out"),
    ],
)
def test_labels(tmp_path, labels, told):
    rows = "".join(f"s{i}\tP{i}\t{label}\n" for i, label in enumerate(labels))
    sheet = write(tmp_path, "slide_id\tpatient_id\tlabel\n" + rows)
    with pytest.raises(SheetError) as caught:
        check_labels(sheet, read_sheet(sheet), ["LUAD", "LUSC"])
    (line,) = str(caught.value).splitlines()
    assert told in line


NORMAL_TISSUE = "TCGA-05-4244-11A-01-TS1"
TUMOUR = "TCGA-05-4245-01A-01-TS1"


def test_normal_tissue_with_the_label_of_a_tumour_is_refused_unless_it_is_meant(tmp_path):
    rows = f"{NORMAL_TISSUE}\tLUAD\n{TUMOUR}\tLUSC\n"
    sheet = write(tmp_path, "slide_id\tlabel\n" + rows)
    with pytest.raises(SheetError) as caught:
        check_labels(sheet, read_sheet(sheet), ["LUAD", "LUSC"])
    (line,) = str(caught.value).splitlines()
    assert (
        f"line 2: slide '{NORMAL_TISSUE}' has label 'LUAD', and the barcode in its slide_id says normal tissue" in line
    )
    assert "set labels_against_barcodes to true in the config" in line
    check_labels(sheet, read_sheet(sheet), ["LUAD", "LUSC"], against_barcodes=True)


def test_normal_tissue_is_labelled_normal_by_hand_or_by_its_barcode(tmp_path):
    other = NORMAL_TISSUE.replace("4244", "4246")
    sheet = write(tmp_path, f"slide_id\tlabel\n{NORMAL_TISSUE}\tNormal\n{other}\t\n{TUMOUR}\tLUAD\n")
    check_labels(sheet, read_sheet(sheet), ["LUAD", "Normal"])


@pytest.mark.parametrize("column", ["path", "filename"])
def test_the_barcode_in_the_name_of_a_file_counts_too(tmp_path, column):
    names = [f"{NORMAL_TISSUE}.A.svs", f"{TUMOUR}.B.svs"]
    names = [f"/data/{name}" for name in names] if column == "path" else names
    sheet = write(
        tmp_path, f"slide_id\tpatient_id\tlabel\t{column}\na\tP1\tLUAD\t{names[0]}\nb\tP2\tLUSC\t{names[1]}\n"
    )
    with pytest.raises(SheetError) as caught:
        check_labels(sheet, read_sheet(sheet), ["LUAD", "LUSC"])
    (line,) = str(caught.value).splitlines()
    assert (
        f"line 2: slide 'a' has label 'LUAD', and the barcode in its {column} ({NORMAL_TISSUE}.A.svs) says normal"
        in line
    )


def test_a_patient_of_tcga_under_two_names_is_refused(tmp_path):
    rows = [f"{name}\tP{number}\tLUAD\t{TUMOUR}-{number}.svs\n" for number, name in enumerate("abc")]
    rows[2] = rows[2].replace("P2", "P0")
    sheet = write(tmp_path, "slide_id\tpatient_id\tlabel\tpath\n" + "".join(rows) + "d\tP4\tLUSC\t/other.svs\n")
    with pytest.raises(SheetError) as caught:
        check_labels(sheet, read_sheet(sheet), ["LUAD", "LUSC"], against_barcodes=True)
    (line,) = str(caught.value).splitlines()
    assert "lines 2 and 3: patients 'P0' and 'P1' are one by the barcodes of their slides (TCGA-05-4245)" in line
