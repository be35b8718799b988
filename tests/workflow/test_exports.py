"""The trained model for other programs, and slides scored by ONNX Runtime."""

import json
import re

import pytest

from slidemill.inference.onnx_file import read_facts
from slidemill.inference.store import read_predictions

from .test_mistakes import refused

pytestmark = pytest.mark.slow


def planned(workspace, *arguments):
    """Inputs and outputs of each rule of a dry run."""
    told = workspace.snakemake("-n", *arguments).stdout
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?:    .+\n)+)", told, re.M)
    found = {}
    for name, facts in jobs:
        lists = dict(re.findall(r"^    (input|output): (.+)$", facts, re.M))
        found[name] = {key: set(files.split(", ")) for key, files in lists.items()}
    return found


def test_slides_are_scored_by_the_network_where_the_config_says_so(workspace):
    jobs = planned(workspace, "--config", "prediction={engine: onnx}")
    assert jobs["write_onnx"]["output"] == {"results/model/model.onnx", "results/model/onnx.json"}
    assert "results/model/model.keras" in jobs["write_onnx"]["input"]
    assert "results/model/model.onnx" in jobs["predict_slides_0"]["input"]
    assert "results/model/model.keras" not in jobs["predict_slides_0"]["input"]
    assert "write_onnx" not in planned(workspace)


def test_each_fold_has_its_network(workspace):
    told = workspace.snakemake("-n", "export_onnx", "--config", "split={folds: 3}").stdout
    for fold in range(3):
        assert f"output: results/fold-{fold}/model/model.onnx, results/fold-{fold}/model/onnx.json" in told


def test_a_model_of_features_is_no_savedmodel(workspace):
    run = workspace.snakemake("-n", "export_savedmodel", "--config", "method=probe", check=False)
    assert run.returncode
    assert "run 'snakemake export_onnx'" in run.stdout


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"prediction": {"engine": "tensorflow"}}, 'prediction.engine is "tensorflow". Expected: keras or onnx.'),
        ({"prediction": {"precision": "int4"}}, "Expected: float32, float16 or int8."),
    ],
)
def test_mistakes(workspace, change, told):
    workspace.write_config(**change)
    assert told in refused(workspace)


def test_a_finished_run_is_exported_and_scored_again_by_the_network(finished, workspace):
    workspace.go_on_from(finished, "results", "logs")
    folder = workspace.folder / "results"
    before = {path.name: read_predictions(path) for path in sorted((folder / "predictions").iterdir())}
    goal = f"results/predictions/{next(iter(before))}"
    workspace.snakemake("--cores", "2", goal, "export_savedmodel", "--config", "prediction={engine: onnx}")
    facts = read_facts(folder / "model" / "model.onnx")
    told = json.loads((folder / "model" / "onnx.json").read_text())
    assert told == {"precision": "float32", **facts.check}
    assert told["tile_scores"] <= 1e-4
    assert told["slides"] > 1
    after = {path.name: read_predictions(path) for path in sorted((folder / "predictions").iterdir())}
    name = next(iter(after))
    assert after[name].model_sha256 != before[name].model_sha256
    assert abs(after[name].scores - before[name].scores).max() <= 1e-4
    assert (folder / "model" / "saved_model" / "1" / "saved_model.pb").exists()
