"""Where things lie, and when they were touched, is no reason to do anything again: what slides hold is."""

import os
import re
import shutil
import subprocess

import pytest

from .conftest import REPOSITORY, SNAKEMAKE, TISSUES, Workspace

pytestmark = pytest.mark.slow

SOURCES = (
    "Snakefile",
    "config.yaml",
    "cohorts",
    "docs/captions",
    "envs",
    "profiles",
    "rules",
    "schemas",
    "scripts",
    "src",
)


def copied(folder, target):
    """A copy as `cp -a` makes it."""
    subprocess.run(["cp", "-a", folder, target], check=True)
    return target


def planned(workspace, *arguments):
    told = workspace.snakemake("-n", *arguments).stdout
    return [] if "Nothing to be done" in told else re.findall(r"^(?:local)?rule (\w+):", told, re.M)


@pytest.fixture
def copy(finished, tmp_path):
    """The finished project, elsewhere."""
    return Workspace(copied(finished.folder, tmp_path / "copy"))


def test_a_finished_project_elsewhere_has_nothing_to_do(copy):
    assert planned(copy) == []


def test_a_finished_project_has_nothing_to_do_for_a_checkout_elsewhere(copy, tmp_path):
    """The workflow itself was moved along, to a path with a space."""
    checkout = tmp_path / "my checkout"
    for source in SOURCES:
        (checkout / source).parent.mkdir(parents=True, exist_ok=True)
        copied(REPOSITORY / source, checkout / source)
    run = subprocess.run(
        [SNAKEMAKE, "-n", "--configfile", copy.folder / "my_config.yaml", "--directory", copy.folder],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Nothing to be done" in run.stdout + run.stderr


def test_slides_that_were_drawn_are_compared_by_what_they_hold(copy):
    slides = sorted((copy.folder / "results" / "slides").glob("*.svs"))
    for slide in slides:
        slide.touch()
    assert planned(copy) == []
    shutil.copy2(slides[0], slides[1])
    assert planned(copy).count("tile_slide") == 1
    os.utime(slides[1], (1e9, 1e9))  # older than its tiles
    assert planned(copy).count("tile_slide") == 1


def test_without_snakemakes_memory_times_decide(copy):
    shutil.rmtree(copy.folder / ".snakemake")
    assert planned(copy) == []


@pytest.fixture(scope="module")
def tiled(tmp_path_factory, draw_slide):
    """A project with a user's own slides, up to the splits; one of the slides has a few damaged bytes."""
    project = Workspace(tmp_path_factory.mktemp("own") / "project")
    (project.folder / "slides").mkdir(parents=True)
    for label, tissue in TISSUES.items():
        for number in range(3):
            drawn = draw_slide(f"{tissue} 20x 0.8x0.{6 + number}mm")
            shutil.copy(drawn, project.folder / "slides" / f"{label}-{number}.svs")
    shutil.copy(draw_slide("glands 20x 0.8x0.9mm"), project.folder / "slides" / "torn.svs")
    damage(project.folder / "slides" / "torn.svs")
    write_sheet(project, project.folder / "slides")
    project.write_config()
    project.snakemake("--cores", "2", "results/splits.tsv")
    return project


@pytest.fixture
def own(tiled, tmp_path):
    project = Workspace(copied(tiled.folder, tmp_path / "project"))
    write_sheet(project, project.folder / "slides")
    return project


def write_sheet(project, slides):
    """A patient for each slide, but for the damaged one, which is another of a patient that has one."""
    rows = []
    for path in sorted(slides.glob("*.svs")):
        patient = "LUAD-0" if path.stem == "torn" else path.stem
        rows.append(f"{path.stem}\tP-{patient}\t{patient[:-2]}\t{path}\n")
    (project.folder / "slides.tsv").write_text("slide_id\tpatient_id\tlabel\tpath\n" + "".join(rows))


def damage(slide):
    """Make all tiles of the first image unreadable."""
    import tifffile

    with tifffile.TiffFile(slide) as file:
        places = list(zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True))
    with slide.open("r+b") as file:
        for place, count in places:
            file.seek(place)
            file.write(bytes(count))


def to_tile(project):
    """The slides that a run would cut."""
    told = project.snakemake("-n", "results/splits.tsv").stdout
    return sorted(re.findall(r"output: results/tiles/([^/]+)\.tfrecord", told))


def test_own_slides_that_lie_elsewhere_are_the_same(own, tmp_path):
    assert to_tile(own) == []
    (own.folder / "slides").rename(tmp_path / "mounted")
    write_sheet(own, tmp_path / "mounted")
    assert "Nothing to be done" in own.snakemake("-n", "results/splits.tsv").stdout


def test_own_slides_that_were_touched_are_the_same(own):
    for slide in (own.folder / "slides").glob("*.svs"):
        slide.touch()
    assert to_tile(own) == []


@pytest.mark.parametrize("time", [None, 1e9])
def test_another_slide_in_the_place_of_one_is_cut(own, time):
    slides = own.folder / "slides"
    shutil.copy(slides / "LUSC-1.svs", slides / "LUAD-1.svs")
    if time:
        os.utime(slides / "LUAD-1.svs", (time, time))
    assert to_tile(own) == ["LUAD-1"]


def test_a_slide_that_was_set_aside_is_cut_when_it_is_repaired(own, draw_slide):
    assert "set_aside" in (own.folder / "results/splits.tsv").read_text()
    shutil.copy(draw_slide("glands 20x 0.8x0.9mm"), own.folder / "slides" / "torn.svs")
    assert to_tile(own) == ["torn"]
    own.snakemake("--cores", "2", "results/splits.tsv")
    assert "set_aside" not in (own.folder / "results/splits.tsv").read_text()
    assert to_tile(own) == []
