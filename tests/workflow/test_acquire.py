"""From a question to the GDC to tiles, as a user types it; the GDC is a local one."""

import csv
import re

import pytest

from ..local_gdc import LocalGdc, ServedFile, uuid_of
from .conftest import REPOSITORY

pytestmark = pytest.mark.slow

SELECT = {
    "projects": {"TCGA-LUAD": "LUAD", "TCGA-LUSC": "LUSC"},
    "sections": ["frozen"],
    "filters": {},
    "manifest": None,
}
KINDS = {"LUAD": ("05", "01A", "glands"), "LUSC": ("18", "01A", "nests"), "Normal": ("05", "11A", "alveoli")}
AREA = "0.8x0.7mm"


@pytest.fixture
def served(tmp_path_factory):
    """Makes a file of the GDC; bytes after its end make it another than all others of the same recipe."""
    folder = tmp_path_factory.mktemp("served")

    def serve(slide_id, label, path):
        own = folder / f"{slide_id}.ABCD.svs"
        own.write_bytes(path.read_bytes() + slide_id.encode())
        project = "TCGA-LUSC" if label == "LUSC" else "TCGA-LUAD"
        return ServedFile(
            own, uuid_of(own.name), project, tissue_type="Normal" if label == "Normal" else "Tumor", filename=own.name
        )

    return serve


@pytest.fixture
def cohort_gdc(draw_slide, served):
    """Three patients of each class, one slide each."""
    files = [
        served(f"TCGA-{site}-{label[:2].upper()}0{number}-{sample}-01-TS1", label, draw_slide(f"{tissue} 20x {AREA}"))
        for label, (site, sample, tissue) in KINDS.items()
        for number in range(3)
    ]
    with LocalGdc(files) as gdc:
        yield gdc


@pytest.fixture
def demo_gdc(draw_slide, served):
    """Every slide of the demo cohort, drawn smaller: those with a pen mark, without tissue and cut short among them."""
    with (REPOSITORY / "cohorts" / "demo.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 33
    recipes = [re.sub(r"[\d.]+x[\d.]+mm", AREA, row["synthetic"]) for row in rows]
    files = [
        served(row["slide_id"], row["label"] or "Normal", draw_slide(recipe))
        for row, recipe in zip(rows, recipes, strict=True)
    ]
    with LocalGdc(files) as gdc:
        yield gdc


@pytest.fixture
def tcga(workspace, cohort_gdc):
    """A workspace with a config that selects from the local GDC; no sheet yet."""

    def configure(**acquire):
        workspace.write(
            slides="tcga.tsv",
            select=SELECT,
            acquire={"server": cohort_gdc.url, "client": "https", "tries": 2, **acquire},
        )

    workspace.configure = configure
    configure()
    return workspace


def rows_of(path):
    with path.open() as file:
        return {row["slide_id"]: row for row in csv.DictReader(file, delimiter="\t")}


def planned(workspace, *arguments):
    output = workspace.snakemake("results/splits.tsv", "-n", "--quiet", "rules", *arguments).stdout
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, re.M)}


def test_without_a_sheet_the_command_that_makes_it_is_named(tcga):
    for target in ((), ("results/tiles/S.tfrecord",)):
        run = tcga.snakemake(*target, "-n", check=False)
        assert run.returncode != 0
        assert "tcga.tsv, the slide sheet, which is not there yet: run 'snakemake select_slides'" in run.stdout
        assert "Traceback" not in run.stdout


def test_a_class_that_cannot_be_had_is_told_before_anything_is_asked(tcga, cohort_gdc):
    tcga.write(slides="tcga.tsv", select=SELECT | {"sections": ["ffpe"]}, acquire={"server": cohort_gdc.url})
    run = tcga.snakemake("select_slides", "--cores", "1", check=False)
    assert run.returncode != 0
    assert "TCGA has normal tissue among the frozen slides only" in run.stdout
    assert cohort_gdc.requests == []


def test_a_sheet_that_is_there_is_never_selected_anew(tcga, cohort_gdc):
    tcga.snakemake("select_slides", "--cores", "1")
    sheet = tcga.folder / "tcga.tsv"
    assert len(rows_of(sheet)) == 9
    edited = sheet.read_text().replace("\t05\t", "\t06\t")
    sheet.write_text(edited)
    cohort_gdc.requests.clear()
    tcga.write(slides="tcga.tsv", select=SELECT | {"sections": ["frozen", "ffpe"]}, acquire={"server": cohort_gdc.url})
    assert "Nothing to be done" in tcga.snakemake("select_slides", "--cores", "1").stdout
    assert "query_gdc" not in tcga.snakemake("-n", "--forceall", "--quiet", "rules").stdout
    assert sheet.read_text() == edited
    assert cohort_gdc.requests == []


def test_the_demo_cohort_from_the_question_to_tiles(workspace, demo_gdc):
    acquire = {"server": demo_gdc.url, "client": "https", "tries": 2, "connections": 1}
    workspace.write(slides="tcga.tsv", select=SELECT, acquire=acquire)
    selected = workspace.snakemake("select_slides", "--cores", "1").stdout
    assert "33 slides: 11 LUAD, 11 LUSC, 11 Normal" in selected
    workspace.snakemake("results/splits.tsv", "--cores", "2")
    rows = rows_of(workspace.folder / "results" / "splits.tsv")
    assert len(rows) == 33
    downloaded = workspace.contents("slides/*")
    for file in demo_gdc.files.values():
        assert downloaded[f"slides/{file.name.split('.')[0]}.svs"] == file.path.read_bytes()
    set_aside = {name: row["reason"] for name, row in rows.items() if row["status"] == "set_aside"}
    assert set(set_aside) == {"TCGA-X2-0010-01A-01-MS1", "TCGA-X3-0003-01A-02-TS2"}
    assert "no tissue" in set_aside["TCGA-X3-0003-01A-02-TS2"]
    assert all(int(row["tile_count"]) for name, row in rows.items() if name not in set_aside)


def test_from_the_question_to_tiles_with_a_slide_that_cannot_be_had(tcga, cohort_gdc):
    lost = next(file for file in cohort_gdc.files.values() if "-LU01-01A" in file.name)
    cohort_gdc.broken.add(lost.file_id)
    tcga.configure(tries=3)  # both faults may come to one slide
    cohort_gdc.faults.extend(["truncate", "error 500"])
    selected = tcga.snakemake("select_slides", "--cores", "1").stdout
    assert "9 slides: 3 LUAD, 3 LUSC, 3 Normal" in selected
    assert (tcga.folder / "tcga.manifest.txt").exists()
    stores = [f"results/tiles/{slide_id}.zarr.zip" for slide_id in rows_of(tcga.folder / "tcga.tsv")]
    assert "Traceback" not in tcga.snakemake(*stores, "--cores", "2").stdout
    slides = tcga.contents("slides/*")
    assert len(slides) == 9
    for file in cohort_gdc.files.values():
        same = slides[f"slides/{file.name.split('.')[0]}.svs"] == file.path.read_bytes()
        assert same == (file is not lost)
    assert not any((tcga.folder / "results" / "downloads").iterdir())
    log = (tcga.folder / "logs" / "tile_slide" / f"{lost.name.split('.')[0]}.log").read_text()
    assert re.search(r"set aside: .* could not be downloaded: .* has MD5 \w+, expected \w+", log)
    # Other options download nothing again; the slide that was set aside is asked for when the user says so.
    tcga.configure(connections=1, on_failure="stop", timeout=30)
    assert set(planned(tcga)) == {"assign_splits", "keep_sheet", "total"}
    again = planned(tcga, "--forcerun", f"results/slides/{lost.name.split('.')[0]}.svs")
    assert again["download_slide"] == 1
    assert again["tile_slide"] == 1


def test_slides_that_are_not_kept_and_a_run_that_stops(tcga, cohort_gdc):
    tcga.configure(keep_slides=False, on_failure="stop")
    tcga.snakemake("select_slides", "--cores", "1")
    lost = next(iter(cohort_gdc.files.values()))
    cohort_gdc.broken.add(lost.file_id)
    run = tcga.snakemake("results/splits.tsv", "--cores", "2", check=False)
    assert run.returncode != 0
    assert f"{lost.name} could not be downloaded: {lost.name} has MD5" in run.stdout
    assert "Traceback" not in run.stdout
    cohort_gdc.broken.clear()
    tcga.snakemake("results/splits.tsv", "--cores", "2")
    rows = rows_of(tcga.folder / "results" / "splits.tsv")
    assert {row["status"] for row in rows.values()} == {"usable"}
    assert tcga.contents("slides/*") == {}
    assert planned(tcga) == {}
