"""What is text and what is a number, in a config file and on the command line."""

import json

import pytest

from slidemill.config import prepare_config
from slidemill.errors import ConfigError

from .configs import SCHEMA, changed, given, prepared, problems

TEXTS = [
    "/data/run #3/m.keras",
    "[old]/x",
    "0123",
    "1e-3",
    "null-or-not: x",
    "'quoted'",
    "No",
    "a: - b",
    "# x",
    "&a b",
    "*",
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_of_a_file_stay_as_they_are(text):
    config = prepared(model=text, scratch=text, acquire__token_file=text, classes=["A", text])
    assert (config["model"], config["scratch"], config["acquire"]["token_file"]) == (text, text, text)
    assert config["classes"] == ["A", text]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_of_the_command_line_stay_as_they_are(text):
    assert given(acquire={"token_file": text})["acquire"]["token_file"] == text


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 0.001), ("1E-3", 0.001), ("0.5", 0.5), ("2", 2), (" 3e-4 ", 0.0003)]
)
def test_numbers_that_yaml_takes_for_text(text, value):
    assert prepared(training__learning_rate=text)["training"]["learning_rate"] == value
    assert given(training={"learning_rate": text})["training"]["learning_rate"] == value


@pytest.mark.parametrize("value", ["1e3", "1000", 1e3, "1000.0"])
def test_whole_numbers_are_whole(value):
    seed = prepared(seed=value)["seed"]
    assert (seed, type(seed)) == (1000, int)


def test_a_number_that_may_have_a_fraction_stays_as_it_was_written():
    rate = prepared(training__warm_up_epochs=1.0)["training"]["warm_up_epochs"]
    assert json.dumps(rate) == "1.0"


@pytest.mark.parametrize("text", ["1,5", "inf", "nan", "0.5 um", "1.5.2"])
def test_what_is_no_number_is_told(text):
    (line,) = problems(training__learning_rate=text)
    assert line == f'config: training.learning_rate is "{text}". Expected: learning rate of one rank, above 0.'


def test_the_command_line_gives_all_types():
    config = given(
        quality={"exclude": ["out_of_focus"]},
        acquire={"keep_slides": "false", "token_file": "null", "timeout": "2.5"},
        split={"folds": "5"},
        scratch="null",
        model="~",
        training={"patience": "", "epochs": "3", "optimizer": "sgd"},
    )
    assert config["quality"]["exclude"] == ["out_of_focus"]
    assert config["acquire"]["keep_slides"] is False
    assert (config["acquire"]["token_file"], config["acquire"]["timeout"]) == (None, 2.5)
    assert config["split"]["folds"] == 5
    assert (config["scratch"], config["model"]) == (None, None)
    assert (config["training"]["patience"], config["training"]["epochs"]) == (None, 3)


def test_a_list_as_text_of_the_command_line():
    assert given(quality={"exclude": "[pen_marks, out_of_focus]"})["quality"]["exclude"] == [
        "pen_marks",
        "out_of_focus",
    ]


def test_text_of_the_command_line_that_is_no_yaml_is_told():
    with pytest.raises(ConfigError, match=r'config: quality.exclude is "\[pen". Expected: quality flags'):
        given(quality={"exclude": "[pen"})


@pytest.mark.parametrize(
    ("text", "read", "is_cut"),
    [
        ("/data/run #3/m.keras", "/data/run", True),
        ('"/data/run #3/m.keras"', "/data/run #3/m.keras", False),
        ("/data/run#3/m.keras", "/data/run#3/m.keras", False),
        ("/data/run", "/data/run", False),
    ],
)
def test_a_text_of_the_command_line_that_yaml_cuts_is_told(text, read, is_cut):
    arguments = ["snakemake", "-n", "--config", "seed=3", f"model={text}"]

    def prepare():
        config = changed(model=read)
        prepare_config(config, given={"seed": 3, "model": read}, arguments=arguments, files=[], schema_file=SCHEMA)

    if is_cut:
        with pytest.raises(ConfigError, match=r"config: model: of '/data/run #3/m\.keras' only '/data/run' is read"):
            prepare()
    else:
        prepare()


def test_numbers_in_lists_of_the_command_line_are_numbers():
    """Snakemake hands them over as text, as all below the first level."""
    text = {"hidden": ["16", "8"]}
    config = prepared(given={"mil": text}, mil__hidden=text["hidden"])
    assert config["mil"]["hidden"] == [16, 8]
    (line,) = problems(given={"mil": text}, mil__hidden=["16", "wide"])
    assert 'mil.hidden, entry 2 is "wide". Expected: a whole number from 1.' in line
