"""CAMELYON16 from the published folder to slides and lesions, with slides that are drawn, as a user runs it."""

import csv
import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from slidemill.annotations.store import read_labels
from slidemill.evaluation.slide_classifier import read_classifier
from slidemill.records import parse_example, read_records
from slidemill.slides.synthetic.lesions import write_lesions
from slidemill.slides.synthetic.recipe import Recipe
from slidemill.slides.synthetic.slide import synthesize_slide
from slidemill.tiling.store import read_store

from .conftest import REPOSITORY, Workspace

pytestmark = pytest.mark.slow

NUMBERS = {"normal": (1, 2, 141, 142), "tumor": (1, 2, 101, 102), "test": (1, 2, 3, 4)}
SMALL = {
    "slides": "camelyon16.tsv",
    "ranks": {"per_node": 1},
    "tiling": {"mpp": 1.0, "tile_size": 64},
    "training": {
        "architecture": "small_cnn",
        "input_size": 64,
        "epochs": 5,
        "batch_size": 16,
        "learning_rate": 0.002,
        "tracking": None,
    },
    "localisation": {"radius_um": 100},
}


def draw(folder):
    """The folder as it is published, with the second test slides of each pair normal."""
    truth = []
    for kind, numbers in NUMBERS.items():
        for number in numbers:
            name, has_tumour = f"{kind}_{number:03}", kind == "tumor" or (kind == "test" and number % 2 == 1)
            recipe = Recipe.parse("alveoli+nests 20x 1.2x1.0mm" if has_tumour else "alveoli 20x 1.0x0.8mm")
            part = folder / ("testing" if kind == "test" else "training")
            place = part / ("images" if kind == "test" else kind)
            place.mkdir(parents=True, exist_ok=True)
            synthesize_slide(place / f"{name}.tif", recipe=recipe, slide_id=name, seed=1)
            if has_tumour:
                outlines = part / "lesion_annotations" / f"{name}.xml"
                outlines.parent.mkdir(exist_ok=True)
                write_lesions(outlines, recipe=recipe, slide_id=name, seed=1)
                outlines.write_text(outlines.read_text().replace('PartOfGroup="lesion"', 'PartOfGroup="_0"'))
            if kind == "test":
                truth.append(f"{name},{'Tumor,IDC,Macro' if has_tumour else 'Normal,None,None'}\n")
    (folder / "testing" / "reference.csv").write_text("".join(truth))


def configure(workspace, **changes):
    """The config of CAMELYON16 on small tiles, for a small network."""
    config = yaml.safe_load((REPOSITORY / "cohorts" / "camelyon16.yaml").read_text())
    for key, value in {**SMALL, **changes}.items():
        config[key] = {**config[key], **value} if isinstance(config.get(key), dict) else value
    (workspace.folder / "my_config.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The drawn folder and its sheet, by the script."""
    workspace = Workspace(tmp_path_factory.mktemp("camelyon16"))
    draw(workspace.folder / "CAMELYON16")
    command = [sys.executable, str(REPOSITORY / "scripts" / "list_camelyon16.py")]
    options = ["--folder", "CAMELYON16", "--sheet", "camelyon16.tsv"]
    subprocess.run([*command, *options], cwd=workspace.folder, env=os.environ, check=True)
    configure(workspace)
    return workspace


@pytest.fixture(scope="module")
def evaluated(published):
    """By the one command, from tiles to FROC."""
    published.snakemake("--cores", "2")
    return published


def test_slides_are_scored_by_what_their_heatmaps_look_like(evaluated):
    results = evaluated.folder / "results"
    metrics = json.loads((results / "evaluation/metrics.json").read_text())
    assert metrics["aggregation"]["method"] == "heatmap_features"
    assert {"maximum", "top_k_mean", "heatmap_features"} <= set(metrics["aggregations"])
    assert metrics["slide"]["auc"]["macro"]["value"] == 1
    with (results / "evaluation/slides.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["slide_id"] for row in rows] == [f"test_{number:03}" for number in NUMBERS["test"]]
    assert all(row["predicted"] == row["predicted_heatmap_features"] for row in rows)
    classifier = read_classifier(results / "model/slide_classifier.json")
    assert set(classifier.held_out) == {"normal_141", "normal_142", "tumor_101", "tumor_102"}
    assert classifier.measured == ("tumor",)
    assert "heatmap classifier" in (results / "report.html").read_text()


def test_lesions_are_looked_for(evaluated):
    froc = json.loads((evaluated.folder / "results/evaluation/froc.json").read_text())
    assert froc["class"] == "tumor"
    assert froc["counts"]["slides"] == 4
    assert froc["counts"]["lesions_found"] == froc["counts"]["lesions"] > 0


def test_new_slides_are_scored_by_the_classifier_beside_the_model(evaluated, tmp_path):
    other = Workspace(tmp_path)
    slide = evaluated.folder / "CAMELYON16/testing/images/test_001.tif"
    (tmp_path / "new.tsv").write_text(f"slide_id\tpatient_id\tpath\nx\tp\t{slide}\n")
    model = evaluated.folder / "results/model/model.keras"
    configure(other, slides="new.tsv", model=str(model), localisation={"class": None})
    other.snakemake("--cores", "2", "results/scoring/new/scores.tsv")
    with (tmp_path / "results/scoring/new/scores.tsv").open() as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert row["predicted"] == row["predicted_heatmap_features"] == "tumor"
    (tmp_path / "model.keras").write_bytes(model.read_bytes())
    configure(other, slides="new.tsv", model="model.keras", localisation={"class": None})
    refused = other.snakemake("-n", check=False)
    assert "slide_classifier.json is not there. Choose another aggregation" in refused.stdout
    assert "Traceback" not in refused.stdout


def test_too_few_validation_slides_are_told_before_anything_runs(published, tmp_path):
    other = Workspace(tmp_path)
    sheet = (published.folder / "camelyon16.tsv").read_text().replace("CAMELYON16/", f"{published.folder}/CAMELYON16/")
    (tmp_path / "camelyon16.tsv").write_text(re.sub("tumor_102.*\n", "", sheet))
    configure(other)
    refused = other.snakemake("-n", check=False)
    assert refused.returncode != 0
    assert "'tumor' has 1 patients among them. It needs 2 of each class" in refused.stdout
    assert "Traceback" not in refused.stdout


LISTS = {
    "tumor": ["Tumor_001,700,600", "Tumor_001,720,640", "tumor_101,800,700", "Tumor_002,900,900"],
    "normal": ["Tumor_001,500,500", "Normal_001,300,300", "normal_141,400,400", "Normal_144,1,1", "test_002,400,400"],
}


def write_lists(workspace, **lists):
    for name, rows in {**LISTS, **lists}.items():
        (workspace.folder / f"{name}.txt").write_text("".join(f"{row}\n" for row in rows))
    patches = {name: f"{name}.txt" for name in LISTS}
    tiles = {"experiment": "patches", "labels": {"from": "patches", "patches": patches}, "shards": {"balance": "none"}}
    configure(workspace, **tiles)
    return tiles


def jobs_of(output):
    return re.findall(r"^ *(?:local)?rule (\w+):", output, re.M)


PATCHED = "results/experiments/patches"


def test_listed_patches_are_trained_on_and_whole_slides_scored(published):
    write_lists(published)
    output = published.snakemake("--cores", "2", f"{PATCHED}/shards/plan.json").stdout
    assert "1 patches are of 1 slides that the slide sheet does not have, the first Normal_144" in output
    of_record = []
    for path in (published.folder / PATCHED / "shards").glob("*.tfrecord"):
        for example in map(parse_example, read_records(path)):
            place = example["slide/id"].decode(), example["tile/x"] + 64, example["tile/y"] + 64
            of_record.append((*place, example["image/class/text"].decode(), path.name.split("-")[0]))
    assert sorted(of_record) == [
        ("normal_001", 300, 300, "normal", "train"),
        ("normal_141", 400, 400, "normal", "validation"),
        ("tumor_001", 500, 500, "normal", "train"),
        ("tumor_001", 700, 600, "tumor", "train"),
        ("tumor_001", 720, 640, "tumor", "train"),
        ("tumor_002", 900, 900, "tumor", "train"),
        ("tumor_101", 800, 700, "tumor", "validation"),
    ]
    # Whole slides are scored over their grid, and lesions looked for.
    plan = published.snakemake("-n").stdout
    assert "--tiles-as annotations" in plan
    jobs = jobs_of(plan)
    assert {"predict_slides_0", "localise", "fit_slide_classifier", "evaluate", "heatmap"} <= set(jobs)
    assert "tile_patches" not in jobs
    labels = read_labels(published.folder / PATCHED / "patches/labels/tumor_001.zarr.zip")
    store = read_store(published.folder / PATCHED / "patches/tumor_001.zarr.zip")
    assert labels.coordinates.tolist() == store.coordinates.tolist() == [[436, 436], [636, 536], [656, 576]]


def test_another_patch_cuts_those_of_its_slide_again(published):
    write_lists(published)
    published.snakemake("--cores", "2", f"{PATCHED}/shards/plan.json")
    write_lists(published, tumor=[*LISTS["tumor"], "tumor_002,950,900"])
    jobs = jobs_of(published.snakemake("-n", f"{PATCHED}/shards/plan.json").stdout)
    write_lists(published)
    assert sorted(set(jobs)) == ["count_patches", "shard_tiles", "tile_patches"]
    assert jobs.count("tile_patches") == 1


def test_a_probe_learns_from_features_of_patches(published):
    probe = {"method": "probe", "experiment": "patched-probe", "probe": {"l2": [0.1]}}
    configure(published, **{**write_lists(published), **probe})
    published.snakemake("--cores", "2", "results/experiments/patched-probe/model/probe.json")
    facts = json.loads((published.folder / "results/experiments/patched-probe/model/probe.json").read_text())
    assert facts["train"]["slide_tiles"] == {"normal_001": 1, "tumor_001": 3, "tumor_002": 1}
    assert facts["train"]["class_tiles"] == {"normal": 2, "tumor": 3}
    assert facts["validation"]["slide_tiles"] == {"normal_141": 1, "tumor_101": 1}


@pytest.mark.parametrize(
    ("lists", "told"),
    [
        ({"tumor": ["tumor_001,nan,5"]}, "tumor.txt, line 1: its x is 'nan'. Give the middle of a patch"),
        ({"tumor": ["tumor_001,5,5"]}, "no patch of 'tumor' is on a slide of the split 'validation'"),
        ({"tumor": ["tumor_001,500,500"]}, "line 1: has another class than the same place has in"),
    ],
)
def test_lists_that_cannot_work_are_told_before_anything_runs(published, lists, told):
    write_lists(published, **lists)
    refused = published.snakemake("-n", check=False)
    assert refused.returncode != 0
    assert told in refused.stdout
    assert "Traceback" not in refused.stdout
