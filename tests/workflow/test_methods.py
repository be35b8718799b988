"""The same cohort by another method: what is planned, and what comes out."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from slidemill.features.store import read_features
from slidemill.inference.store import read_predictions
from slidemill.tiling.store import read_store
from slidemill.training.description import read_description

from .test_experiments import planned
from .test_features import OWN
from .test_mistakes import refused

pytestmark = pytest.mark.slow

PROBE = ("--config", "method=probe")
PIXELS = {"method": "mil", "mil": {"input": "pixels", "tiles": 4, "epochs": 2, "hidden": [16]}}
COHORTS = Path(__file__).parents[2] / "cohorts"


def jobs(output):
    return set(re.findall(r"^(?:local)?rule (\w+):", output, re.M))


def test_a_probe_is_planned_without_pixels_shards_and_training(workspace):
    told = workspace.snakemake("-n", *PROBE).stdout
    assert {"tile_slide", "fit_probe", "assign_splits", "evaluate", "heatmap", "report"} <= jobs(told)
    assert not {"shard_tiles", "train"} & jobs(told)
    files = planned(workspace, *PROBE)
    assert not [file for file in files if file.endswith(".tfrecord")]
    assert "results/features/efficientnet_lite0/LUAD-0.zarr.zip" in files
    assert {"results/model/model.keras", "results/model/probe.json"} <= files


def test_a_model_of_bags_is_planned_on_features_under_the_name_that_profiles_know(workspace):
    mil = ("--config", "method=mil")
    told = workspace.snakemake("-n", *mil).stdout
    assert {"tile_slide", "train", "assign_splits", "evaluate", "heatmap", "report"} <= jobs(told)
    assert not {"shard_tiles", "fit_probe"} & jobs(told)
    assert "scripts/train_mil.py --expect-ranks" in told
    assert "--epochs 30 --batch-size 8 --learning-rate 0.0003 " in told
    assert "--colour-jitter" not in told
    files = planned(workspace, *mil)
    assert not [file for file in files if file.endswith(".tfrecord")]
    assert {"results/features/efficientnet_lite0/LUAD-0.zarr.zip", "results/model/mil.json"} <= files


def test_a_model_of_bags_of_pixels_is_planned_on_tiles_without_shards_and_features(workspace):
    workspace.write_config(**PIXELS)
    told = workspace.snakemake("-n").stdout
    assert {"tile_slide", "train", "assign_splits", "evaluate", "heatmap", "report"} <= jobs(told)
    assert not {"shard_tiles", "fit_probe"} & jobs(told)
    assert "--input pixels" in told
    assert "--tiles-of-slide 4" in told
    assert "--batch-size 4 --learning-rate 0.001 " in told
    assert "--colour-jitter 0.2 " in told
    files = planned(workspace)
    assert {"results/tiles/LUAD-0.tfrecord", "results/model/mil.json"} <= files
    assert not [file for file in files if "features" in file]


def test_each_fold_has_its_model_of_bags(workspace):
    files = planned(workspace, "--config", "method=mil", "split={folds: 3}")
    folds = [f"results/fold-{fold}" for fold in range(3)]
    assert {f"{fold}/model/{name}" for fold in folds for name in ("model.keras", "mil.json")} <= files
    assert "results/model/mil.json" not in files
    assert len([file for file in files if file.startswith("results/features/")]) == 10


def test_a_patient_with_two_labels_can_be_no_bag(workspace):
    sheet = workspace.folder / "slides.tsv"
    rows = [line.split("\t") for line in sheet.read_text().splitlines()]
    patient = rows[0].index("patient_id")
    rows[-2][patient] = rows[1][patient]  # of another class; the last row is of the first patient anyway
    sheet.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    workspace.write_config(method="mil", mil={"bag": "patient"})
    assert f"the slides of patient '{rows[1][patient]}' have the labels" in refused(workspace)


def test_pixels_are_stored_where_the_encoder_reads_them(workspace):
    files = planned(workspace, *PROBE, "features={source: records}")
    assert "results/tiles/LUAD-0.tfrecord" in files


def test_each_fold_has_its_probe(workspace):
    files = planned(workspace, *PROBE, "split={folds: 3}")
    assert {f"results/fold-{fold}/model/probe.json" for fold in range(3)} <= files
    assert len([file for file in files if file.startswith("results/features/")]) == 10


def test_the_cohort_of_the_published_pipeline(workspace):
    """Its config fits a sheet of the user's own and a file of weights."""
    config = yaml.safe_load((COHORTS / "camelyon16_inception.yaml").read_text())
    slides = []
    for label in config["classes"]:
        for number in range(3):
            slide = workspace.folder / f"{label}_{number:03}.tif"
            slide.touch()
            slides.append(f"{slide.stem}\t{slide.stem}\t{label}\t{slide}\n")
    (workspace.folder / config["slides"]).write_text("slide_id\tpatient_id\tlabel\tpath\n" + "".join(slides))
    (workspace.folder / config["features"]["encoders"]["InceptionV3"]["file"]).touch()
    (workspace.folder / "my_config.yaml").write_text(yaml.safe_dump(config))
    files = planned(workspace)
    assert "results/features/InceptionV3/tumor_001.zarr.zip" in files
    assert "results/report.html" in files


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"method": "prob"}, 'method is "prob". Expected: tiles, probe or mil.'),
        ({"method": "probe", "probe": {"l2": []}}, "Expected: strengths of the penalty to try, each above 0."),
        ({"method": "probe", "probe": {"l2": [0]}}, "probe.l2, entry 1 is 0. Expected: a number above 0."),
        (
            {"method": "probe", "features": {"encoder": ["efficientnet_lite0", "uni_v1"]}},
            "features.encoder names efficientnet_lite0, uni_v1. Name the one whose",
        ),
        (
            PIXELS | {"features": {"encoder": "uni_v1"}},
            "mil.input is pixels, and features.encoder asks for uni_v1, whose features no model would take. Set",
        ),
    ],
)
def test_mistakes(workspace, change, told):
    workspace.write(**change)
    assert told in refused(workspace)


@pytest.fixture(scope="module")
def probed(finished, tmp_path_factory):
    """The tiny cohort by a probe on tiles of its encoder's own, in the folder of a run by tiles, on two threads."""
    workspace = type(finished)(tmp_path_factory.mktemp("probed"))
    workspace.write(method="probe", experiment="probe", features=OWN)
    workspace.go_on_from(finished, "results", "logs")
    workspace.output = workspace.snakemake("--cores", "2").stdout
    return workspace


def test_a_probe_takes_the_tiles_that_are_there_and_gives_all_that_training_gives(probed, finished):
    assert not {"synthesize_slide", "tile_slide", "train"} & jobs(probed.output)
    names = set(probed.contents("**/*.*"))
    after = set(finished.contents("evaluation/*", "heatmaps/*", "predictions/*", "previews/*", "report.html"))
    assert {f"experiments/probe/{name}" for name in after} <= names
    assert probed.contents("tiles/*.*") == finished.contents("tiles/*.*")
    assert probed.contents("model/*", "report.html") == finished.contents("model/*", "report.html")
    assert "Nothing to be done" in probed.snakemake("--cores", "2").stdout


def test_all_of_the_probe_is_on_the_tiles_of_its_encoder(probed):
    folder = probed.folder / "results"
    predicted = list((folder / "experiments/probe/predictions").glob("*.zarr.zip"))
    assert len(predicted) > 3
    for file in predicted:
        predictions = read_predictions(file)
        own, first = (read_store(folder / "tiles" / place / file.name) for place in ("96px_1mpp", ""))
        features = read_features(folder / "features/efficientnet_lite0" / file.name)
        np.testing.assert_array_equal(features.coordinates, own.coordinates)
        np.testing.assert_array_equal(predictions.coordinates, own.without(["pen_marks"]).coordinates)
        np.testing.assert_array_equal(own.tissue_mask, first.tissue_mask)
        assert (features.summary.tile_size, features.summary.mpp) == (96, 1.0)
        assert len(own.coordinates) > len(first.coordinates) or own.summary.reason


def test_the_report_tells_of_the_probe(probed):
    page = (probed.folder / "results/experiments/probe/report.html").read_text()
    facts = json.loads((probed.folder / "results/experiments/probe/model/probe.json").read_text())
    assert "features of a tile by the encoder efficientnet_lite0" in page
    assert facts["features"]["weights_sha256"] in page
    assert re.search(r"tiles of 96 \S 96 pixels at 1.0 µm per pixel", page)
    assert 'class="id">fit_probe</th>' in page
    assert 'class="id">train</th>' not in page  # the folder has a training's as well


def test_new_slides_are_scored_by_the_probe_with_its_encoder(probed, workspace, draw_slide):
    model = probed.folder / "results/experiments/probe/model/model.keras"
    slide = draw_slide("glands 20x 0.9x0.8mm")
    (workspace.folder / "new.tsv").write_text(f"slide_id\tpatient_id\tpath\nnew\tP\t{slide}\n")
    workspace.write_config(features=OWN)
    run = workspace.snakemake("score", "--cores", "2", "--config", "slides=new.tsv", f"model={model}")
    assert not {"train", "fit_probe"} & jobs(run.stdout)
    assert workspace.contents("scoring/new/features/efficientnet_lite0/new.zarr.zip")
    assert list(workspace.contents("scoring/new/tiles/**/*")) == ["scoring/new/tiles/new.zarr.zip"]
    (scores,) = workspace.folder.glob("results/**/scores.tsv")
    with scores.open() as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert row["predicted"] in read_description(model).classes
    assert int(row["tile_count"]) > 0


def test_a_model_of_bags_takes_the_features_that_are_there_and_scores_new_slides(probed, workspace, draw_slide):
    """Of the same cohort, in a folder of its own; with a training of few steps."""
    own = type(workspace)(workspace.folder / "bagged")
    own.folder.mkdir(exist_ok=True)
    own.write(method="mil", experiment="mil", features=OWN, mil={"epochs": 2, "hidden": [16], "pooling": "additive"})
    own.go_on_from(probed, "results", "logs")
    told = own.snakemake("--cores", "2").stdout
    assert "train" in jobs(told)
    assert not {"extract_features_0", "tile_slide", "fit_probe"} & jobs(told)
    assert own.contents("experiments/mil/heatmaps/*")
    assert own.contents("experiments/mil/report.html")
    model = own.folder / "results/experiments/mil/model/model.keras"
    slide = draw_slide("glands 20x 0.9x0.8mm")
    (workspace.folder / "new.tsv").write_text(f"slide_id\tpatient_id\tpath\nnew\tP\t{slide}\n")
    workspace.snakemake("score", "--cores", "2", "--config", "slides=new.tsv", f"model={model}")
    (scores,) = workspace.folder.glob("results/scoring/**/scores.tsv")
    with scores.open() as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert row["predicted"] in read_description(model).classes


def test_a_model_of_bags_of_pixels_takes_the_tiles_that_are_there_and_scores_new_slides(
    finished, workspace, draw_slide
):
    """Of the same cohort, in a folder of its own; with a training of few steps."""
    own = type(workspace)(workspace.folder / "bagged")
    own.folder.mkdir()
    own.write(experiment="pixels", training={"input_size": 32}, **PIXELS)
    own.go_on_from(finished, "results", "logs")
    told = own.snakemake("--cores", "2").stdout
    assert "train" in jobs(told)
    assert not {"tile_slide", "shard_tiles", "extract_features_0"} & jobs(told)
    assert own.contents("experiments/pixels/heatmaps/*.png")
    page = own.contents("experiments/pixels/report.html")["experiments/pixels/report.html"].decode()
    assert "on the pixels of the 4 tiles with most tissue of each slide, at 32" in page
    assert "the slide, then attention, times average; attention, rank in slide; from dark violet" in page
    assert "Nothing to be done" in own.snakemake("--cores", "2").stdout
    model = own.folder / "results/experiments/pixels/model/model.keras"
    slide = draw_slide("glands 20x 0.9x0.8mm")
    (workspace.folder / "new.tsv").write_text(f"slide_id\tpatient_id\tpath\nnew\tP\t{slide}\n")
    workspace.snakemake("score", "--cores", "2", "--config", "slides=new.tsv", f"model={model}")
    predictions = read_predictions(workspace.folder / "results/scoring/new/predictions/new.zarr.zip")
    assert predictions.attention.shape == (4,)
    assert predictions.slide_scores.sum() == pytest.approx(1)
