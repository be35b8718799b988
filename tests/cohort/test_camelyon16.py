"""From the published folder of CAMELYON16 to a slide sheet; the files are empty, as only their names are read."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from slidemill.cohort import read_sheet
from slidemill.cohort.camelyon16 import Camelyon16Error, list_camelyon16, write_camelyon16

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "camelyon16" / "reference_and_scores_129.csv"


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.fixture
def folder(tmp_path):
    """As on the mirrors of GigaScience and Google Drive."""
    touch(tmp_path, *(f"training/normal/normal_{number:03}.tif" for number in (1, 86, 141, 144)))
    touch(tmp_path, *(f"training/tumor/tumor_{number:03}.tif" for number in (1, 10, 101, 111)))
    touch(tmp_path, *(f"training/lesion_annotations/tumor_{number:03}.xml" for number in (1, 10, 101, 111)))
    touch(tmp_path, *(f"testing/images/test_{number:03}.tif" for number in (1, 3, 49, 114)))
    touch(tmp_path, "testing/lesion_annotations/test_001.xml", "testing/lesion_annotations/test_114.xml")
    touch(tmp_path, "training/masks/tumor_001_mask.tif", "testing/evaluation/test_001_evaluation_mask.tif")
    (tmp_path / "testing/reference.csv").write_text(
        "test_001,Tumor,IDC,Macro\ntest_003,Normal,None,None\ntest_114.tif,Tumor,IDC,Micro\n"
    )
    return tmp_path


def rows_of(folder, **options):
    return {row["slide_id"]: row for row in list_camelyon16(folder, **options).rows}


def test_slides_get_their_label_split_and_annotation(folder):
    rows = rows_of(folder)
    told = {name: (row["label"], row["split"], Path(row["annotation"]).name) for name, row in rows.items()}
    assert told == {
        "normal_001": ("normal", "train", ""),
        "normal_141": ("normal", "validation", ""),
        "tumor_001": ("tumor", "train", "tumor_001.xml"),
        "tumor_010": ("tumor", "train", "tumor_010.xml"),
        "tumor_101": ("tumor", "validation", "tumor_101.xml"),
        "tumor_111": ("tumor", "validation", "tumor_111.xml"),
        "test_001": ("tumor", "test", "test_001.xml"),
        "test_003": ("normal", "test", ""),
        "test_114": ("tumor", "test", "test_114.xml"),
    }
    assert {name for name, row in rows.items() if row["annotated"] == "part"} == {"tumor_010", "test_114"}
    assert (rows["test_001"]["_metastasis"], rows["test_003"]["_metastasis"]) == ("macro", "")


def test_duplicates_and_mislabelled_slides_are_left_out_with_a_reason(folder):
    assert set(list_camelyon16(folder).left_out) == {"normal_086", "normal_144", "test_049"}
    assert "normal_144" in rows_of(folder, keep=["normal_144"])


def test_the_sheet_is_one_that_the_workflow_reads(folder, tmp_path):
    write_camelyon16(list_camelyon16(folder), tmp_path / "sheet.tsv", tmp_path / "left.tsv")
    slides = {slide.slide_id: slide for slide in read_sheet(tmp_path / "sheet.tsv")}
    assert slides["tumor_010"].annotated == "part"
    assert slides["test_003"].annotation is None
    assert slides["test_003"].path == str(folder / "testing/images/test_003.tif")
    with (tmp_path / "left.tsv").open() as file:
        assert "tumor_111" in next(csv.DictReader(file, delimiter="\t"))["reason"]


def test_names_of_the_first_release_and_of_other_mirrors_are_known(tmp_path):
    touch(tmp_path, "TrainingData/Train_Normal/Normal_001.tif", "images/Tumor_001.tif", "XML/Tumor_001.xml")
    rows = rows_of(tmp_path)
    assert set(rows) == {"normal_001", "tumor_001"}
    assert rows["tumor_001"]["annotation"].endswith("XML/Tumor_001.xml")


def test_what_is_missing_is_told(folder):
    (folder / "training/lesion_annotations/tumor_001.xml").unlink()
    touch(folder, "training/lesion_annotations.zip")
    remarks = list_camelyon16(folder).remarks
    assert "2 of the 158 normal slides are there" in remarks
    assert any(
        re.fullmatch(r"1 tumor slides have no annotation .*first tumor_001: unpack .*annotations\.zip", r)
        for r in remarks
    )


def test_a_folder_without_slides_is_refused(tmp_path):
    with pytest.raises(Camelyon16Error, match="has no slides of CAMELYON16"):
        list_camelyon16(tmp_path)


def test_two_files_of_one_slide_are_refused(folder):
    touch(folder, "images/Normal_001.tif")
    with pytest.raises(Camelyon16Error, match=r"images/Normal_001.tif and .*normal_001.tif have one name"):
        list_camelyon16(folder)


def test_test_slides_without_truth_are_refused(folder):
    (folder / "testing/reference.csv").write_text("test_001,Tumor\n")
    with pytest.raises(Camelyon16Error, match="says of test_003 neither Tumor nor Normal"):
        list_camelyon16(folder)
    (folder / "testing/reference.csv").unlink()
    with pytest.raises(Camelyon16Error, match=r"none was found\. Name the table by --reference"):
        list_camelyon16(folder)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published table is not here")
def test_the_published_table_has_the_129_test_slides(tmp_path):
    names = [f"test_{number:03}.tif" for number in range(1, 131)]
    touch(tmp_path, *names)
    sheet = list_camelyon16(tmp_path, reference=PUBLISHED)
    assert Counter(row["label"] for row in sheet.rows) == {"normal": 80, "tumor": 49}
    assert list(sheet.left_out) == ["test_049"]
    assert Counter(row["_metastasis"] for row in sheet.rows if row["label"] == "tumor").keys() == {"macro", "micro"}
