"""Cross-validation as a user runs it: the same command with split.folds."""

import csv
import json
import re

import pytest

pytestmark = pytest.mark.slow

FOLDS = 3


@pytest.fixture(scope="module")
def cross_validated(finished, tmp_path_factory):
    """The run without folds, gone on with as a cross-validation."""
    workspace = type(finished)(tmp_path_factory.mktemp("folds"))
    training = {"input_size": 64, "epochs": 1, "batch_size": 4}
    workspace.write(split={"folds": FOLDS}, ranks={"per_node": 1}, training=training)
    workspace.go_on_from(finished, "results/slides", "results/tiles")
    workspace.output = workspace.snakemake("--cores", "2").stdout
    return workspace


def _rows(path):
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_tiles_are_cut_once_and_every_fold_has_its_model(cross_validated):
    jobs = re.findall(r"^(?:local)?rule (\w+):", cross_validated.output, re.M)
    assert not {"synthesize_slide", "tile_slide"} & set(jobs)
    assert jobs.count("train") == FOLDS
    assert jobs.count("evaluate") == jobs.count("report") == 1
    models = cross_validated.contents("fold-*/model/model.keras")
    assert len(models) == len(set(models.values())) == FOLDS
    names = set(cross_validated.contents("**/*.*"))
    assert {f"fold-{n}/splits.tsv" for n in range(FOLDS)} <= names
    assert not {"splits.tsv", "model/model.keras", "shards/plan.json"} & names
    logs = {str(path.relative_to(cross_validated.folder)) for path in cross_validated.folder.glob("logs/**/*.log")}
    assert {f"logs/{rule}/fold-{n}.log" for rule in ("assign_splits", "shard_tiles", "train") for n in range(3)} <= logs


def test_every_slide_is_evaluated_and_pictured_once_by_the_model_that_has_not_seen_its_patient(cross_validated):
    results = cross_validated.folder / "results"
    slides = _rows(results / "evaluation/slides.tsv")
    assert len(slides) == 10
    for slide in slides:
        rows = _rows(results / f"fold-{slide['fold']}/splits.tsv")
        assert {row["split"] for row in rows if row["patient_id"] == slide["patient_id"]} == {"test"}
        assert (results / f"heatmaps/{slide['slide_id']}.png").exists()
    metrics = json.loads((results / "evaluation/metrics.json").read_text())
    assert metrics["counts"]["patients_scored"] == 9
    assert [fold["slides_scored"] for fold in metrics["cross_validation"]["folds"]] == [3, 3, 3]


def test_the_report_tells_of_the_folds(cross_validated):
    page = (cross_validated.folder / "results/report.html").read_text()
    assert "of a cross-validation with 3 folds" in page
    assert "mean ± sd" in page
    assert [f"Fold {n}: numbers of each epoch" in page for n in range(FOLDS)] == [True] * FOLDS
    assert re.search(r'<th scope="row" class="id">train</th><td class="number group">3</td>', page)
    assert "Nothing to be done" in cross_validated.snakemake("--cores", "2").stdout


def test_one_fold_alone(cross_validated):
    planned = cross_validated.snakemake(
        "results/fold-1/model/model.keras", "--forcerun", "train", "-n", "--quiet", "rules"
    ).stdout
    assert re.search(r"^total +1$", planned, re.M)


def test_models_of_bags_are_trained_and_tested_by_fold(cross_validated, tmp_path):
    """On the same tiles, end to end."""
    workspace = type(cross_validated)(tmp_path)
    mil = {"input": "pixels", "tiles": 2, "epochs": 1, "hidden": [8]}
    options = {"split": {"folds": FOLDS}, "ranks": {"per_node": 1}, "training": {"input_size": 32}}
    workspace.write(method="mil", mil=mil, experiment="bags", **options)
    workspace.go_on_from(cross_validated, "results/tiles", "results/slides")
    workspace.snakemake("--cores", "2", "results/experiments/bags/evaluation/slides.tsv")
    results = workspace.folder / "results/experiments/bags"
    slides = _rows(results / "evaluation/slides.tsv")
    assert len(slides) == 10
    for fold in range(FOLDS):
        facts = json.loads((results / f"fold-{fold}/model/mil.json").read_text())
        seen = {*facts["train"]["slide_tiles"], *facts["validation"]["slide_tiles"]}
        scored = {slide["slide_id"]: slide for slide in slides if int(slide["fold"]) == fold and slide["predicted"]}
        assert len(scored) == 3
        assert not seen & set(scored)
        assert {slide["tile_count"] for slide in scored.values()} == {"2"}
    models = workspace.contents("experiments/bags/fold-*/model/model.keras")
    assert len(set(models.values())) == FOLDS
