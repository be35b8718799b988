import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from slidemill.errors import SlidemillError
from slidemill.mil.training_parameters import FROM_TRAINING, PIXELS_FROM_TRAINING, MilParameters

REPOSITORY = Path(__file__).parents[2]
GOOD = {"epochs": 8, "batch_size": 4, "learning_rate": 0.001, "seed": 1}


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("mil", "epochs", 0),
        ("mil", "batch_size", 0),
        ("mil", "learning_rate", 0.0),
        ("mil", "weight_decay", 1.0),
        ("mil", "patience", 0),
        ("mil", "pooling", "sum"),
        ("mil", "input", "text"),
        ("mil", "tiles", 0),
        ("training", "input_size", 9),
        ("mil", "colour_jitter", 1.0),
        ("mil", "bag", "tile"),
        ("mil", "max_tiles", 0),
        ("mil", "tile_dropout", 1.0),
        ("mil", "dropout", -0.1),
        ("mil", "attention_width", 0),
        ("training", "warm_up_epochs", -1.0),
        ("training", "label_smoothing", 1.0),
        ("training", "precision", "float64"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name_in_the_config(section, name, value):
    with pytest.raises(SlidemillError, match=rf"{section}\.{name} is {value}"):
        MilParameters(**GOOD | {name: value})


def test_a_warm_up_longer_than_the_training_names_both_keys():
    with pytest.raises(SlidemillError, match=r"training\.warm_up_epochs is 9: .* at most mil\.epochs"):
        MilParameters(**GOOD, warm_up_epochs=9)


def test_the_config_has_all_parameters_and_the_script_no_others():
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    schema = yaml.safe_load((REPOSITORY / "schemas/config.schema.yaml").read_text())["properties"]["mil"]
    names = {field.name for field in dataclasses.fields(MilParameters)}
    own = set(config["mil"])
    assert set(config["mil"]) == set(schema["properties"]) == set(schema["required"])
    assert own <= names
    shared = names - own - {"seed", "accumulation", "frozen_epochs", "ordered"}
    assert shared == {*FROM_TRAINING, *PIXELS_FROM_TRAINING} <= set(config["training"])
    program = [sys.executable, REPOSITORY / "scripts" / "train_mil.py", "--help"]
    told = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"--[a-z-]+", told))
    named = {name: name.replace("_", "-") for name in own | shared} | {"tiles": "tiles-of-slide"}
    assert {f"--{name}" for name in named.values()} <= options
    for name in own & set(MilParameters.CHOICES):
        assert schema["properties"][name]["enum"] == list(MilParameters.CHOICES[name])
