"""Tiles labelled by annotations, as a user runs it: from outlines to shards, lesions and the report."""

import csv
import html
import json
import re

import numpy as np
import pytest
import yaml

from slidemill.annotations.decide import NO_LABEL, DecidedLabels, LabelRule, tile_classes
from slidemill.annotations.store import read_labels
from slidemill.inference.store import predictions_path, read_predictions
from slidemill.records import parse_example, read_records

from .conftest import Workspace

pytestmark = pytest.mark.slow

CLASSES = ["normal", "tumour"]
LABELS = {"from": "annotations", "classes": {"tumour": ["lesion"]}, "rest": "normal"}
CONFIG = {
    "slides": "slides.tsv",
    "classes": CLASSES,
    "tiling": {"tile_size": 64, "mpp": 1.0},
    "split": {"train": 0.34, "validation": 0.33, "test": 0.33},
    "labels": LABELS,
    "ranks": {"per_node": 1},
    "training": {"input_size": 64, "epochs": 5, "batch_size": 16, "learning_rate": 0.002, "tracking": None},
    "localisation": {"class": "tumour"},
    "heatmap": {"mpp": 8.0},
}
PLAN = "results/shards/plan.json"


def configure(workspace, **labels):
    config = CONFIG | {"labels": LABELS | labels}
    (workspace.folder / "my_config.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Three patients with a lesion and three without, by one command."""
    workspace = Workspace(tmp_path_factory.mktemp("labelled"))
    rows = [f"T{n}\tPT{n}\ttumour\talveoli+nests 20x 1.2x1.0mm\n" for n in range(3)]
    rows += [f"N{n}\tPN{n}\tnormal\talveoli 20x 1.0x0.8mm\n" for n in range(3)]
    (workspace.folder / "slides.tsv").write_text("slide_id\tpatient_id\tlabel\tsynthetic\n" + "".join(rows))
    configure(workspace)
    workspace.printed = workspace.snakemake("--cores", "2").stdout
    return workspace


def decided(workspace, slide_id, at_least=0.5):
    labels = read_labels(workspace.folder / f"results/labels/{slide_id}.zarr.zip")
    return labels, tile_classes(labels, CLASSES, LabelRule(at_least, "normal"))


def jobs(output):
    return re.findall(r"^ *(?:local)?rule (\w+):", output, re.M)


def planned(workspace):
    return set(jobs(workspace.snakemake("-n", PLAN).stdout))


def test_tiles_in_a_shard_have_the_class_of_their_region(labelled):
    of_tile = {}
    for number in range(3):
        for slide_id in (f"T{number}", f"N{number}"):
            labels, classes = decided(labelled, slide_id)
            of_tile |= {
                (slide_id, x, y): c for (x, y), c in zip(labels.coordinates.tolist(), classes.tolist(), strict=True)
            }
            assert (1 in classes) == (slide_id[0] == "T")
    seen = set()
    for path in labelled.folder.glob("results/shards/*.tfrecord"):
        for record in read_records(path):
            tile = parse_example(record)
            place = tile["slide/id"].decode(), tile["tile/x"], tile["tile/y"]
            assert tile["image/class/label"] == of_tile[place] != NO_LABEL
            assert tile["image/class/text"].decode() == CLASSES[of_tile[place]]
            seen.add(place[0][0] + str(tile["image/class/label"]))
    assert seen == {"T0", "T1", "N0"}  # normal tiles come from slides with tumour, too


def test_the_plan_counts_the_classes_of_tiles(labelled):
    plan = json.loads((labelled.folder / PLAN).read_text())
    assert set(plan["train"]["class_tiles"]) == set(CLASSES)
    assert abs(plan["train"]["class_tiles"]["tumour"] - plan["train"]["class_tiles"]["normal"]) <= 1


def test_one_command_leads_from_outlines_to_lesions_and_the_report(labelled):
    froc = json.loads((labelled.folder / "results/evaluation/froc.json").read_text())
    assert froc["counts"]["slides"] == 2
    assert froc["counts"]["slides_with_lesions"] == 1
    assert froc["counts"]["lesions"] == sum(not lesion["is_isolated_cells"] for lesion in froc["lesions"]) >= 1
    metrics = json.loads((labelled.folder / "results/evaluation/metrics.json").read_text())
    judged = metrics["annotations"]["tumour"]
    assert metrics["tiles_as"] == "annotations"
    assert metrics["tile"]["count"] == judged["tiles"] < metrics["counts"]["tiles"]
    # Lesions differ from what is around them in architecture: a model that learned from them ranks their tiles higher.
    assert judged["auc"]["value"] > 0.7
    page = re.sub(r"<[^>]*>", " ", (labelled.folder / "results/report.html").read_text())
    text = re.sub(r"\s+", " ", html.unescape(page))
    assert "Tiles by the region in which they lie" in text
    assert f"{froc['counts']['lesions_found']} of {froc['counts']['lesions']} lesion" in text


def test_tiles_of_each_class_are_counted_for_every_slide(labelled):
    with (labelled.folder / "results/tile_labels.tsv").open() as file:
        counts = {row["slide_id"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert sorted(counts) == ["N0", "N1", "N2", "T0", "T1", "T2"]
    for slide_id, row in counts.items():
        _, classes = decided(labelled, slide_id)
        assert int(row["tiles_tumour"]) == np.count_nonzero(classes == 1)
        assert int(row["no_label"]) == np.count_nonzero(classes == NO_LABEL)


def test_another_share_labels_and_cuts_nothing_again(labelled):
    configure(labelled, at_least=0.9)
    assert planned(labelled) == {"shard_tiles"}
    configure(labelled)
    assert planned(labelled) == set()


def test_annotations_are_exported_for_qupath_where_they_are(labelled):
    output = labelled.snakemake("--cores", "2", "export_annotations").stdout
    assert set(jobs(output)) == {"export_annotations", "export_annotation"}
    exported = sorted(labelled.folder.glob("results/exports/annotations/*"))
    assert [path.name for path in exported] == ["T0.geojson", "T1.geojson", "T2.geojson"]
    for path in exported:
        features = json.loads(path.read_text())["features"]
        assert {feature["properties"]["classification"]["name"] for feature in features} == {"lesion"}


def test_what_is_annotated_in_part_is_told_to_those_who_label_and_look_for_lesions(tmp_path):
    rows = [f"T{n}\tPT{n}\ttumour\talveoli+nests 20x 1.2x1.0mm\tpart\n" for n in range(3)]
    rows += [f"U{n}\tPU{n}\ttumour\tnests 20x 1.2x1.0mm\t\n" for n in range(3)]  # nobody has outlined their tumour
    rows += [f"N{n}\tPN{n}\tnormal\talveoli 20x 1.0x0.8mm\t\n" for n in range(3)]
    header = "slide_id\tpatient_id\tlabel\tsynthetic\tannotated\n"
    (tmp_path / "slides.tsv").write_text(header + "".join(rows))
    configure(Workspace(tmp_path))
    output = Workspace(tmp_path).snakemake("-n", "-p").stdout
    commands = [line for line in output.splitlines() if "label_tiles.py" in line]
    in_part = {re.search(r"tiles/(\w+)\.zarr", line)[1] for line in commands if " --in-part" in line}
    assert len(commands) == 9
    assert in_part == {"T0", "T1", "T2", "U0", "U1", "U2"}
    (command,) = [line for line in output.splitlines() if "localise.py" in line]
    tested = set(re.findall(r"--slide (\w+)", command))
    assert set(re.findall(r"--in-part (\w+)", command)) == tested & in_part != set()


def test_a_corrected_annotation_labels_its_slide_again(labelled, tmp_path):
    copy = Workspace(tmp_path)
    copy.go_on_from(labelled, "results", "my_config.yaml")
    (copy.folder / "results/slides/T1.xml").write_text(
        '<ASAP_Annotations><Annotations><Annotation Type="Polygon" PartOfGroup="lesion"><Coordinates>'
        '<Coordinate Order="0" X="0" Y="0"/><Coordinate Order="1" X="2400" Y="0"/>'
        '<Coordinate Order="2" X="2400" Y="2000"/><Coordinate Order="3" X="0" Y="2000"/>'
        "</Coordinates></Annotation></Annotations></ASAP_Annotations>"
    )
    output = copy.snakemake("--cores", "2", PLAN).stdout
    assert jobs(output) == ["label_tiles", "shard_tiles"]
    labels, classes = decided(copy, "T1")
    np.testing.assert_allclose(labels.coverage, 1)
    assert set(classes.tolist()) == {1}


def test_labels_that_cannot_work_are_told_before_anything_runs(labelled):
    configure(labelled, classes={"tumor": ["lesion"]})
    run = labelled.snakemake("-n", PLAN, check=False)
    configure(labelled)
    assert run.returncode != 0
    assert "'tumor' is none of the classes (normal, tumour)" in run.stdout
    assert "Traceback" not in run.stdout


def test_what_a_model_got_wrong_is_listed_for_another_training(labelled):
    output = labelled.snakemake("--cores", "2", "hard_negatives").stdout
    assert [name for name in jobs(output) if name != "hard_negatives"] == ["predict_slides_1", "find_hard_negatives"]
    with (labelled.folder / "results/hard_negatives.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    with (labelled.folder / "results/splits.tsv").open() as file:
        train = {row["slide_id"] for row in csv.DictReader(file, delimiter="\t") if row["split"] == "train"}
    expected = {
        (slide_id, x, y)
        for slide_id in train
        for (x, y), is_wrong in zip(*taken_for_tumour(labelled, slide_id), strict=True)
        if is_wrong
    }
    assert {(row["slide_id"], int(row["x"]), int(row["y"])) for row in rows} == expected
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    again = labelled.snakemake(
        *("-n", "-p", "results/experiments/second/shards/plan.json", "--config", "experiment=second"),
        "sampling={hard_negatives: results/hard_negatives.tsv, tiles_per_slide: {normal: 20}}",
    )
    assert "--tiles-per-slide normal 20 --hard-share 0.5 --hard-negatives results/hard_negatives.tsv" in again.stdout


def taken_for_tumour(workspace, slide_id):
    """Places of a slide's tiles, and whether each is normal and scored as tumour."""
    predictions = read_predictions(predictions_path(workspace.folder / "results/predictions", slide_id))
    labels = DecidedLabels(workspace.folder / "results/labels", tuple(CLASSES), LabelRule(0.5, "normal"))
    is_normal = labels.of_tiles(slide_id, predictions.coordinates) == 0
    return predictions.coordinates.tolist(), is_normal & (predictions.scores[:, 1] > predictions.scores[:, 0])
