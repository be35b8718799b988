import copy
import zipfile

import pytest
import yaml

from slidemill.config import prepare_config
from slidemill.config.labels import sampling_problems
from slidemill.errors import ConfigError
from slidemill.training.description import ModelDescription, add_description

from .configs import DEFAULT, MISSING, SCHEMA, TCGA, changed, prepared, problems

COHORTS = sorted(TCGA.parent.glob("*.yaml"))

PIXELS = {"method": "mil", "mil__input": "pixels"}


@pytest.mark.parametrize("cohort", COHORTS, ids=lambda path: path.stem)
def test_the_configs_that_come_with_the_workflow_are_right_and_stay_as_they_are(cohort):
    assert prepared() == changed()
    config = changed()
    for key, value in yaml.safe_load(cohort.read_text()).items():
        config[key] = {**config[key], **value} if isinstance(config[key], dict) else value
    before = copy.deepcopy(config)
    prepare_config(config, given={}, files=[DEFAULT, cohort], schema_file=SCHEMA)
    assert config == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mil__input": "tiles"}, 'mil.input is "tiles". Expected: features or pixels.'),
        ({"mil__epochs": 0}, "mil.epochs is 0. Expected: greatest number of epochs, from 1, or null."),
        ({"tiling__mmp": 0.5}, "tiling.mmp is unknown. Did you mean 'mpp'?"),
        ({"zzz": 1}, "zzz is unknown. Known are: slides, classes, "),
        ({"tiling__mpp": MISSING}, "tiling.mpp is missing. Add it."),
        ({"tiling__mpp": "half"}, 'tiling.mpp is "half". Expected: microns per pixel of the tiles, 0.05 to 50.'),
        ({"tiling__mpp": float("nan")}, "tiling.mpp is nan, and no number. Write one."),
        ({"training__clip_norm": float("inf")}, "training.clip_norm is inf, and no number. Write one."),
        ({"tiling__max_background": 1.5}, "tiling.max_background is 1.5. Expected: greatest share of background"),
        ({"tiling": None}, "tiling is null. Expected: a section: how tiles are cut."),
        ({"classes": ["A"]}, 'classes is ["A"]. Expected: names of the classes, at least two'),
        ({"slides": None}, "slides is null. Expected: path of the slide sheet."),
        ({"classes": "LUAD"}, 'classes is "LUAD". Expected: names of the classes, at least two'),
        ({"classes": ["A", "B", "A"]}, 'classes: "A" comes up twice. Keep one of them.'),
        ({"classes": ["A", True]}, "classes, entry 2 is true. Expected: the name of a class. Put it in quotes"),
        ({"classes": ["A", 1]}, "classes, entry 2 is 1. Expected: the name of a class. Put it in quotes"),
        ({"classes": ["=A", "B"]}, "classes: '=A' begins with '=', which spreadsheets run as a formula"),
        ({"classes": ["A", "a"]}, "classes: 'A' and 'a' differ only in case or spelling"),
        ({"classes": ["A", " B"]}, "classes: ' B' has blanks around it. Take them off."),
        ({"shards__balance": "fair"}, 'shards.balance is "fair". Expected: none, undersample, slide_cap or'),
        ({"quality__exclude": ["ink"]}, 'quality.exclude, entry 1 is "ink". Expected: pen_marks or out_of_focus.'),
        ({"acquire__token_file": ""}, 'acquire.token_file is "". Expected: path of a file with your token'),
        ({"acquire__server": "gdc"}, 'acquire.server is "gdc". Expected: address of the GDC'),
        ({"acquire__server": "https://["}, "server 'https://[': expected an address such as https://api.gdc"),
        ({"seed": -1}, "seed is -1. Expected: a whole number from 0."),
        ({"seed": 1.5}, "seed is 1.5. Expected: a whole number from 0."),
        ({"labels_against_barcodes": "yes"}, 'labels_against_barcodes is "yes". Expected: true or false.'),
        ({"split__test": 0.4}, "split: the fractions add up to 1.1. Make them add up to 1."),
    ],
)
def test_a_mistake_is_one_sentence_and_shows_no_pattern(changes, told):
    (line,) = problems(**changes)
    assert line.startswith(f"config: {told}")
    assert "^" not in line


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"method": "mil", "mil__epochs": 3, "training__warm_up_epochs": 4}, "and at most mil.epochs"),
        ({"method": "mil", "evaluation__aggregation": "heatmap_features"}, "the model itself scores slides"),
        ({"method": "mil", "labels__from": "patches", "labels__patches": "p.tsv"}, "mil learns from whole slides"),
        (
            PIXELS | {"features__encoder": "uni_v1"},
            "features.encoder asks for uni_v1, whose features no model would take",
        ),
        (
            PIXELS | {"training__input_fit": "crop"},
            "mil.input is pixels, and takes tiles whole. Set training.input_fit",
        ),
        (
            PIXELS | {"localisation__class": "LUAD", "labels__classes": {"LUAD": ["x"]}, "mil__pooling": "additive"},
            "a model looks at mil.tiles tiles of a slide and not at all",
        ),
        ({"method": "mil", "features__encoder": ["a", "b"]}, "method is mil, and features.encoder names a, b."),
        ({"method": "mil", "localisation__class": "LUAD", "labels__classes": {"LUAD": ["x"]}}, "gives tiles no scores"),
        ({"training__architecture": "InceptionV4"}, "training.architecture 'InceptionV4' is not known. Did you"),
        ({"training__architecture": "InceptionV3", "training__input_size": 74}, "cannot take an input of 74 "),
        ({"training__frozen_epochs": 8, "training__weights": "w.h5"}, "training.frozen_epochs is 8: expected a number"),
        ({"training__frozen_epochs": 2}, "training.frozen_epochs is 2, and without training.weights the layers"),
        ({"training__warm_up_epochs": 9}, "training.warm_up_epochs is 9: expected a number of at"),
        (
            {"training__input_fit": "crop", "training__input_size": 513},
            "no such crop can be cut from tiles of 512",
        ),
        ({"shards__balance": "slide_cap"}, "shards.balance is slide_cap: set shards.max_tiles_per_slide"),
        ({"labels__from": "patches"}, "labels.from is patches: name the table of patches, or a list for each class"),
        ({"labels__patches": "p.csv"}, "labels.patches is set, and only labels.from: patches uses it"),
        (
            {"labels__from": "patches", "labels__patches": {"LUAD": ["p.txt", "{p}.txt"]}},
            "labels.patches.LUAD, entry 2: {p}.txt has braces",
        ),
        (
            {"labels__from": "patches", "labels__patches": {"lung": "p.txt"}},
            "labels.patches: 'lung' is none of the classes (LUAD, LUSC, Normal)",
        ),
        (
            {
                "labels__from": "patches",
                "labels__patches": "p.csv",
                "sampling__hard_negatives": "h.tsv",
                "sampling__tiles_per_slide": {"LUAD": 5},
            },
            "sampling.hard_negatives are tiles, and labels.from: patches learns from patches alone",
        ),
        ({"evaluation__heatmap_classes": ["LUAD"]}, "is set, and only heatmap_features uses it"),
        (
            {"evaluation__aggregation": "heatmap_features", "evaluation__heatmap_classes": ["lung"]},
            "evaluation.heatmap_classes: 'lung' is none of the classes (LUAD, LUSC, Normal)",
        ),
        ({"shards__max_tiles_per_slide": 100}, "shards.max_tiles_per_slide is 100, and only slide_cap uses it"),
        (
            {"acquire__server": "http://gdc.example.org", "acquire__token_file": "token"},
            "server 'http://gdc.example.org' is not encrypted: no token is sent there",
        ),
    ],
)
def test_what_a_job_would_refuse_is_told_before_any_runs(changes, told):
    (line,) = problems(**changes)
    assert line.startswith("config: ")
    assert told in line


REGIONS = {
    "classes": ["normal", "tumour"],
    "labels__from": "annotations",
    "labels__classes": {"tumour": ["lesion"]},
    "labels__rest": "normal",
}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"labels__classes": {"tumour": ["a"], "x": ["b"]}}, "labels: 'x' is none of the classes (normal, tumour)"),
        (
            {"labels__rest": None},
            "labels: no tile can be 'normal'. Add its regions to labels.classes, or make it labels.rest.",
        ),
        (
            {"labels__classes": {"tumour": ["a"], "normal": ["b"]}},
            "labels: 'normal' is labels.rest and has regions as well",
        ),
        (
            {"labels__without": ["lesion"]},
            "labels: the regions 'lesion' are in labels.classes.tumour and",
        ),
        ({"labels__at_least": 0}, "labels.at_least is 0. Expected: share of a tile"),
        ({"localisation__class": "normal"}, "localisation.class is 'normal', which is no annotated class"),
        ({"sampling__tiles_per_slide": {"tumor": 9}}, "sampling.tiles_per_slide: 'tumor' is none of the classes"),
        (
            {"sampling__tiles_per_slide": {"tumour": 0}},
            "sampling.tiles_per_slide.tumour is 0. Expected: a number from 1",
        ),
        (
            {"sampling__hard_negatives": "list.tsv", "shards__balance": "none"},
            "sampling.hard_negatives is set, and all tiles are used anyway",
        ),
        (
            {"sampling__hard_negatives": "list.tsv", "method": "probe"},
            "sampling.hard_negatives is set, and all tiles are used anyway",
        ),
    ],
)
def test_labels_that_cannot_work_are_told_before_anything_runs(changes, told):
    (line,) = problems(**REGIONS | changes)
    assert line.startswith(f"config: {told}")


@pytest.mark.parametrize("sampling", [{"tiles_per_slide": {"LUAD": 9}}, {"hard_negatives": "list.tsv"}])
def test_tiles_are_not_sampled_where_a_method_learns_from_slides(sampling):
    config = changed(method="mil")
    config["sampling"] |= sampling
    (line,) = sampling_problems(config)
    assert line == "sampling is set, and method: mil learns from slides. Leave it out."


def test_regions_may_say_where_lesions_are_while_slides_have_the_labels():
    prepared(**REGIONS | {"labels__from": "slide", "localisation__class": "tumour"})
    (line,) = problems(localisation__class="LUAD")
    assert line.startswith("config: localisation.class is 'LUAD', which is no annotated class")


@pytest.mark.parametrize(
    "changes",
    [
        {"training__architecture": "InceptionV3", "training__input_size": 75},
        {"training__frozen_epochs": 7, "training__weights": "w.h5"},
        {"training__input_fit": "crop", "training__input_size": 512},
        {"training__warm_up_epochs": 8},
        {"shards__balance": "slide_cap", "shards__max_tiles_per_slide": 100},
        {"acquire__server": "http://localhost:8000", "acquire__token_file": "token"},
        {"acquire__server": "http://gdc.example.org"},
        {"split__train": 0.7, "split__validation": 0.2, "split__test": 0.1},
        {"classes": ["squamous cell", "HER2+", "\u80ba\u764c", "No"]},
    ],
)
def test_the_limits_themselves_are_fine(changes):
    assert prepared(**changes) == changed(**changes)


def test_all_mistakes_are_told_at_once():
    assert len(problems(seed=-1, tiling__mpp="x", split__trian=0.1)) == 3
    assert len(problems(training__architecture="x", shards__balance="slide_cap", slides="gs://b/s.tsv")) == 3


def test_classes_get_one_spelling():
    select = yaml.safe_load(TCGA.read_text())["select"] | {"projects": {"TCGA-LUAD": "Mu\u0308"}}
    config = prepared(classes=["Mu\u0308", "Normal"], select=select)
    assert config["classes"][0] == config["select"]["projects"]["TCGA-LUAD"] == "M\u00fc"


def test_a_class_in_two_spellings_is_told():
    assert "differ only in case or spelling" in problems(classes=["Mu\u0308", "M\u00fc"])[0]


PLACES = ["slides", "model", "acquire__token_file", "training__weights", "training__tracking"]


@pytest.mark.parametrize("place", [*PLACES, "select__manifest"])
def test_the_home_folder_in_every_path(place, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    select = yaml.safe_load(TCGA.read_text())["select"]
    config = prepared(**{"select": select, place: "~/x y"})
    *parents, key = place.split("__")
    assert (config[parents[0]] if parents else config)[key] == "/home/me/x y"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("results/{slide_id}.x", "has braces, which stand for wildcards here"),
        ("file:///data/x", "is an address. Write the plain path: /data/x"),
        ("~nobody-of-this-name/x", "this machine knows no such home folder"),
    ],
)
def test_places_that_are_not_read(place, text, told):
    if place == "training__tracking" and text.startswith("file:"):
        assert prepared(**{place: text})  # MLflow takes it
        return
    (line,) = problems(**{place: text})
    assert line.startswith(f"config: {place.replace('__', '.')}")
    assert told in line


def test_which_places_may_be_in_s3():
    assert prepared(training__weights="s3://bucket/w.keras")
    (line,) = problems(model="s3://bucket/model.keras")
    assert "only a file on a disk is read here. Fetch it, and give its path" in line
    assert problems(training__weights="gs://bucket/w.keras")[0].startswith(
        "config: training.weights: gs://bucket/w.keras"
    )


@pytest.mark.parametrize("place", ["scratch", "acquire__server"])
def test_braces_are_told_wherever_they_stand(place):
    (line,) = problems(**{place: "https://x.org/{slide_id}"})
    assert "has braces, which stand for wildcards here. Write it without." in line


def test_a_key_that_stands_twice_in_a_file(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("seed: 1\ntraining: {epochs: 3}\ntiling:\n  mpp: 1.0\n  mpp: 0.5\ntraining: {batch_size: 4}\n")
    with pytest.raises(ConfigError) as caught:
        prepare_config(changed(), given={}, files=[file, DEFAULT], schema_file=SCHEMA)
    assert str(caught.value).splitlines() == [
        f"{file}, line 5: tiling.mpp stands on line 4 already. Keep one of them.",
        f"{file}, line 6: training stands on line 2 already. Keep one of them.",
    ]


def test_every_key_of_the_config_is_told_in_the_schema():
    def check(node, place):
        for name, child in node.get("properties", {}).items():
            assert child.get("description", "").endswith("."), f"{place}{name}"
            check(child, f"{place}{name}.")
        for items in (node.get("items"), node.get("additionalProperties")):
            if isinstance(items, dict):
                assert items.get("description", "").endswith("."), f"entries of {place}"
                check(items, place)

    check(yaml.safe_load(SCHEMA.read_text()), "")


def test_weights_that_are_none_or_of_another_architecture(tmp_path):
    text, model, other = (tmp_path / name for name in ("w.h5", "model.keras", "other.keras"))
    text.write_text("<html>not found</html>")
    description = ModelDescription("VGG16", ("A", "B"), 256, 0.5, 64, "resize", "", {})
    for path in (model, other):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model.weights.h5", b"")
    add_description(model, description)
    assert problems(training__weights=str(text)) == [
        f"config: training.weights: {text} is no file of Keras. Give a .keras, a .weights.h5 or a notop .h5."
    ]
    (line,) = problems(training__weights=str(model))
    assert "is of the architecture VGG16, and training.architecture is small_cnn. Give both the same." in line
    assert prepared(training__weights=str(model), training__architecture="VGG16")
    assert prepared(training__weights=str(other))
    assert prepared(training__weights=str(tmp_path / "gone.keras"))


def test_features_of_another_tool_are_of_no_use_to_a_model_of_pixels():
    assert any(
        "mil.input: pixels learns from pixels" in line for line in problems(**PIXELS, features__from="elsewhere")
    )
