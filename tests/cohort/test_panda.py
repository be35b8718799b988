"""From the table of PANDA to a slide sheet, and its slides to tiles."""

import csv

import numpy as np
import openslide
import pytest
import tifffile

from slidemill.cohort import read_sheet
from slidemill.cohort.panda import PandaError, list_panda, write_panda
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_store

HEADER = "image_id,data_provider,isup_grade,gleason_score\n"
TABLE = HEADER + (
    "0005f7aaab,karolinska,0,0+0\n000920ad0b,radboud,0,negative\n0018ae58b0,karolinska,4,4+4\n"
    "001c62abd1,karolinska,1,3+3\n001d865e65,radboud,2,4+3\n002a4db09d,radboud,5,5+4\n00412139e6,radboud,3,4+3\n"
)


@pytest.fixture
def panda(tmp_path):
    """The table, and a folder with slides; only their names are read."""
    (tmp_path / "train.csv").write_text(TABLE)
    (tmp_path / "images").mkdir()
    for line in TABLE.splitlines()[1:]:
        (tmp_path / "images" / f"{line[:10]}.tiff").touch()
    return tmp_path


def listed(folder, **options):
    return list_panda(folder / "train.csv", folder / "images", **({"label": "isup"} | options))


def test_grades_and_sites_are_those_of_the_table_and_slides_are_patients(panda):
    found = listed(panda)
    assert [(row["slide_id"], row["label"], row["site"]) for row in found.rows] == [
        ("0005f7aaab", "isup_0", "karolinska"),
        ("000920ad0b", "isup_0", "radboud"),
        ("0018ae58b0", "isup_4", "karolinska"),
        ("001c62abd1", "isup_1", "karolinska"),
        ("002a4db09d", "isup_5", "radboud"),
        ("00412139e6", "isup_3", "radboud"),
    ]
    assert all(row["patient_id"] == row["slide_id"] for row in found.rows)
    assert found.left_out == {"001d865e65": "its Gleason score 4+3 is not that of ISUP grade 2"}
    assert len(listed(panda, keep=["001d865e65"]).rows) == 7


def test_cancer_is_every_grade_above_0(panda):
    assert [row["label"] for row in listed(panda, label="cancer").rows] == [*["benign"] * 2, *["cancer"] * 4]


def test_noisy_slides_and_missing_files_are_left_out_with_their_reason(panda):
    (panda / "noisy.csv").write_text("image_id,why\n0018ae58b0,two teams\n002a4db09d.tiff\n")
    (panda / "images" / "001c62abd1.tiff").unlink()
    left_out = listed(panda, noisy=panda / "noisy.csv").left_out
    assert set(left_out) == {"0018ae58b0", "001c62abd1", "001d865e65", "002a4db09d"}
    assert left_out["0018ae58b0"].startswith("its label is noisy by ")
    assert left_out["001c62abd1"].endswith("has no 001c62abd1.tiff")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("image_id,isup_grade\n", "has no column data_provider"),
        (HEADER + "a,radboud,6,3+3\n", "line 2: isup_grade is '6'. Expected: 0, 1"),
        (HEADER + "a,radboud,1,\n", "line 2: gleason_score is ''"),
        (HEADER + "a,,1,3+3\n", "line 2: has no image_id or no data_provider"),
        (HEADER + "a,radboud,1,3+3\nb,radboud,1,3+3\na,radboud,1,3+3\n", "line 4: a comes up twice"),
        (HEADER, "no slide is left; of the first, the table has no row"),
        (HEADER + "a,radboud,1,3+3\n", "no slide is left; of the first, .* has no a.tiff"),
    ],
)
def test_another_table_is_told_in_one_line(panda, text, line):
    (panda / "train.csv").write_text(text)
    with pytest.raises(PandaError, match=line) as error:
        listed(panda)
    assert "\n" not in str(error.value)


def test_the_sheet_is_one_that_the_workflow_reads(panda):
    write_panda(listed(panda), panda / "panda.tsv", panda / "panda.left_out.tsv")
    slides = read_sheet(panda / "panda.tsv")
    assert [slide.label for slide in slides][:3] == ["isup_0", "isup_0", "isup_4"]
    assert {slide.site for slide in slides} == {"karolinska", "radboud"}
    with (panda / "panda.left_out.tsv").open() as file:
        assert [row["slide_id"] for row in csv.DictReader(file, delimiter="\t")] == ["001d865e65"]


def test_a_slide_of_three_levels_gives_tiles_at_its_own_resolution(tmp_path, draw_slide):
    """As published: tiled JPEG, levels of 1, 4 and 16, 20x by the tags of resolution, white around the biopsy."""
    with openslide.OpenSlide(draw_slide("glands 20x 0.5x0.4mm")) as drawn:
        width, height = drawn.dimensions
        tissue = np.asarray(drawn.read_region((0, 0), 0, (width, height)).convert("RGB"))
    picture = np.full((height + 200, width + 600, 3), 255, np.uint8)
    picture[100:-100, 300:-300] = tissue
    path = tmp_path / "0005f7aaab.tiff"
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for factor in (1, 4, 16):
            size = 10_000 / 0.4862 / factor  # pixels in a centimetre
            options = {"tile": (512, 512), "photometric": "rgb", "compression": "jpeg", "resolutionunit": "CENTIMETER"}
            file.write(picture[::factor, ::factor], resolution=(size, size), **options)
    parameters = TilingParameters(mpp=0.5, tile_size=128, max_background=0.5, jpeg_quality=85)
    tile_slide(SlideSource(path, "s", "s"), parameters, records=None, store=tmp_path / "s.zarr.zip")
    summary = read_store(tmp_path / "s.zarr.zip").summary
    assert summary.status == "usable"
    assert summary.slide.mpp == pytest.approx(0.4862, abs=1e-3)
    assert summary.tile_count > 20
