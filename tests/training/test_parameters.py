import dataclasses
from pathlib import Path

import pytest
import yaml

from slidemill.training.parameters import CHOICES, TrainingParameterError, TrainingParameters

REPOSITORY = Path(__file__).parents[2]

GOOD = {
    "architecture": "small_cnn",
    "input_size": 128,
    "epochs": 8,
    "batch_size": 16,
    "learning_rate": 0.001,
    "seed": 1,
}


NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_size", 0),
        ("epochs", 0),
        ("batch_size", -1),
        ("accumulation", 0),
        ("learning_rate", 0.0),
        ("learning_rate", NAN),
        ("frozen_epochs", 8),
        ("colour_jitter", 1.0),
        ("label_smoothing", -0.1),
        ("clip_norm", 0.0),
        ("decay_epochs", 0.0),
        ("decay_factor", 1.5),
        ("warm_up_epochs", -1.0),
        ("patience", 0),
        ("checkpoint_steps", 0),
        ("stall_seconds", 0),
        ("optimizer", "adagrad"),
        ("precision", "float64"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name_in_the_config(name, value):
    with pytest.raises(TrainingParameterError, match=rf"training\.{name} is {value}"):
        TrainingParameters(**GOOD | {name: value})


def test_the_config_has_all_parameters_and_the_script_no_others():
    training = yaml.safe_load((REPOSITORY / "config.yaml").read_text())["training"]
    schema = yaml.safe_load((REPOSITORY / "schemas/config.schema.yaml").read_text())["properties"]["training"]
    names = {field.name for field in dataclasses.fields(TrainingParameters)} - {"seed"}
    assert set(training) == set(schema["properties"]) == set(schema["required"]) == names | {"tracking"}
    script = (REPOSITORY / "scripts" / "train.py").read_text()
    assert all(f'"--{name.replace("_", "-")}"' in script for name in names)
    for name, choices in CHOICES.items():
        assert schema["properties"][name]["enum"] == list(choices)
