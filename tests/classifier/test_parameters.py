import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from slidemill.classifier.parameters import ClassifierParameters
from slidemill.training.checkpoint import fingerprint
from slidemill.training.parameters import TrainingParameterError

REPOSITORY = Path(__file__).parents[2]
GOOD = {
    "architecture": "small_cnn",
    "input_size": 128,
    "epochs": 8,
    "batch_size": 16,
    "learning_rate": 0.001,
    "seed": 1,
}


@pytest.mark.parametrize(
    ("name", "value"), [("input_size", 0), ("colour_jitter", 1.0), ("input_fit", "stretch"), ("epochs", 0)]
)
def test_a_value_out_of_range_is_refused_by_its_name_in_the_config(name, value):
    with pytest.raises(TrainingParameterError, match=rf"training\.{name} is {value}"):
        ClassifierParameters(**GOOD | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("architecture", "ResNet50"), ("input_size", 64), ("input_fit", "crop"), ("colour_jitter", 0.5), ("epochs", 9)],
)
def test_whatever_decides_what_is_learned_makes_another_training(name, value):
    assert of(ClassifierParameters(**GOOD | {name: value})) != of(ClassifierParameters(**GOOD))


def test_where_the_weights_lie_decides_nothing():
    assert of(ClassifierParameters(**GOOD, weights=Path("moved.keras"))) == of(ClassifierParameters(**GOOD))


def of(parameters):
    return fingerprint(parameters, data_sha256="ab", weights_sha256="cd", software={})


def test_the_config_has_all_parameters_and_the_script_no_others():
    training = yaml.safe_load((REPOSITORY / "config.yaml").read_text())["training"]
    schema = yaml.safe_load((REPOSITORY / "schemas/config.schema.yaml").read_text())["properties"]["training"]
    names = {field.name for field in dataclasses.fields(ClassifierParameters)} - {"seed"}
    assert set(training) == set(schema["properties"]) == set(schema["required"]) == names | {"tracking"}
    program = [sys.executable, REPOSITORY / "scripts" / "train.py", "--help"]
    told = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"--[a-z-]+", told))
    assert {f"--{name.replace('_', '-')}" for name in names} <= options
    for name, choices in ClassifierParameters.CHOICES.items():
        assert schema["properties"][name]["enum"] == list(choices)
