import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from slidemill.annotations.counts import LabelCounts, write_counts
from slidemill.reporting.report import write_report
from slidemill.reporting.sources import read_run
from slidemill.splits.table import read_splits, write_splits

from .fake_run import CLASSES, FakeSlide, write_run

RIGHT = [
    FakeSlide("t1", "LUAD", "test", scores=(0.8, 0.1, 0.1)),
    FakeSlide("t2", "LUSC", "test", scores=(0.1, 0.8, 0.1)),
    FakeSlide("t3", "Normal", "test", scores=(0.1, 0.2, 0.7)),
]
TRAINING = [FakeSlide("a1", "LUAD", "train"), FakeSlide("a2", "LUSC", "validation", flags=("pen_marks",))]
ASIDE = [
    FakeSlide("x1", "LUAD", "train", reason="the file is cut short"),
    FakeSlide("x2", "Normal", "test", reason="no tile has <enough> tissue"),
]


@pytest.fixture
def page_of(tmp_path):
    def write(slides, **options) -> str:
        write_report(write_run(tmp_path, slides, **options), tmp_path / "report.html")
        return (tmp_path / "report.html").read_text()

    return write


class _Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are closed in order."""

    VOID = ("meta", "img", "br", "input", "line", "circle", "polyline", "polygon")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.attributes if name == tag]


def test_every_slide_set_aside_is_listed_with_its_reason(page_of):
    text = _Page(page_of(RIGHT + TRAINING + ASIDE)).text
    for slide in ASIDE:
        assert slide.slide_id in text
        assert slide.reason in text
    assert "2 slides set aside" in text


def test_the_verdict_comes_first(page_of):
    wrong = FakeSlide("t4", "Normal", "test", scores=(0.6, 0.3, 0.1))
    text = _Page(page_of([*RIGHT, *TRAINING, wrong])).text
    assert re.search(
        r"3 of 4 test slides classified correctly\s+Accuracy\s+3 of 4\s+95% interval 1\d\.\d to 9\d\.\d%", text
    )
    assert "1 mistake, marked below." in text


def test_no_mistake_is_no_certainty(page_of):
    text = _Page(page_of(RIGHT + TRAINING)).text
    assert "3 of 3 test slides classified correctly" in text
    assert "No mistakes." in text
    assert re.search(r"Accuracy\s+3 of 3\s+95% interval 1\d\.\d to 100\.0%", text)
    assert "3 patients only." in text


def test_a_headline_of_few_patients_looks_small_and_one_of_many_does_not(page_of):
    few = page_of(RIGHT + TRAINING)
    assert '<dl class="numbers few">' in few
    many = [FakeSlide(f"m{n}", "LUAD", "test", scores=(0.8, 0.1, 0.1)) for n in range(30)]
    page = page_of(RIGHT + TRAINING + many)
    assert '<dl class="numbers">' in page
    assert re.search(r"Accuracy\s+100\.0%\s+95% interval 8\d\.\d to 100\.0%", _Page(page).text)


def test_intervals_by_few_sites_are_called_a_hint(page_of):
    slides = [replace(slide, site=f"S{n % 2}") for n, slide in enumerate(RIGHT * 3)]
    slides = [replace(slide, slide_id=f"{slide.slide_id}-{n}") for n, slide in enumerate(slides)]
    text = _Page(page_of(slides + TRAINING, unit="site")).text
    assert "2 sites only: what other sites would give is hardly known" in text
    assert "Intervals of 95% are by site" in text


FROC = {
    "class": "LUAD",
    "least_score": 0.5,
    "counts": {
        "slides": 3,
        "slides_annotated_in_part": 2,
        "lesions": 4,
        "isolated_cells": 1,
        "lesions_found": 3,
        "false_positives": 2,
    },
    "by_size": [
        {"from_um": 275, "to_um": 500, "lesions": 3, "found": 2},
        {"from_um": 500, "to_um": None, "lesions": 1, "found": 1},
    ],
    "targets": [0.25, 0.5, 1, 2, 4, 8],
    "variants": {
        "interpolated": {"sensitivity": [0.25, 0.5, 0.75, 0.75, 0.75, 0.75], "score": 0.625, "interval_95": [0.2, 0.8]},
        "at_least": {"sensitivity": [0.5, 0.75, 0.75, 0.75, 0.75, 0.75], "score": 0.708, "interval_95": None},
    },
    "curve": {"false_positives": [0, 1 / 3, 2 / 3, 9], "sensitivity": [0, 0.5, 0.75, 0.75]},
}


def test_lesions_have_a_section_where_they_were_looked_for(tmp_path):
    files = write_run(tmp_path, RIGHT + TRAINING)
    write_report(files, tmp_path / "report.html")
    assert "Lesions" not in _Page((tmp_path / "report.html").read_text()).text
    (tmp_path / "froc.json").write_text(json.dumps(FROC))
    write_report(replace(files, froc=tmp_path / "froc.json"), tmp_path / "report.html")
    page = _Page((tmp_path / "report.html").read_text())
    text = re.sub(r"\s+", " ", page.text)
    assert "3 of 4 lesions of LUAD found on 3 test slides, 2 false positives, at scores of 0.5 or more" in text
    assert "1 group of isolated tumour cells count neither way; 2 more slides, of which not all is annotated" in text
    assert "0.625 0.200 to 0.800" in text.replace("0.6250.200", "0.625 0.200")
    assert "false positives a slide" in text
    assert "0.275 to 0.5 mm 3 2 0.5 mm or more 1 1" in re.sub(
        r"(<[^>]*>|\s)+", " ", (tmp_path / "report.html").read_text()
    )


def test_tiles_of_annotated_slides_are_counted_by_split_and_slide_and_judged_by_annotations(tmp_path):
    files = write_run(tmp_path, RIGHT + TRAINING)
    write_report(files, tmp_path / "report.html")
    text = _Page((tmp_path / "report.html").read_text()).text
    assert "Tiles by the region" not in text
    assert "Tiles against annotations" not in text
    assert "A tile has the class of its slide" in text
    assert "Least typical" in text
    metrics = json.loads(files.metrics.read_text())
    estimate = {"value": 0.8125, "interval_95": [0.7, 0.9], "reason": None}
    found = {"tiles": 9, "tiles_of_class": 4, "auc": estimate, "slides": 2, "auc_within_slides": estimate}
    files.metrics.write_text(json.dumps(metrics | {"tiles_as": "annotations", "annotations": {"LUAD": found}}))
    counts = {"a1": (2, 0, 1, 0), "a2": (0, 3, 0, 0), "t1": (1, 0, 1, 1), "t2": (0, 2, 1, 0), "t3": (0, 0, 3, 0)}
    remarks = dict.fromkeys(counts, ()) | {"t2": ("2 point(s) without an area were passed over", "mended")}
    write_counts(
        tmp_path / "tile_labels.tsv",
        [
            LabelCounts(name, dict(zip(CLASSES, own, strict=False)), own[3], remarks[name])
            for name, own in counts.items()
        ],
        CLASSES,
    )
    write_report(replace(files, tile_labels=tmp_path / "tile_labels.tsv"), tmp_path / "report.html")
    text = re.sub(r"(<[^>]*>|\s)+", " ", (tmp_path / "report.html").read_text())
    assert "Tiles of train validation test all LUAD 2 0 1 3 LUSC 0 3 2 5 Normal 1 0 5 6 no class 0 0 1 1" in text
    assert "a1 train 2 0 1 0 a2 validation 0 3 0 0 t1 test 1 0 1 1" in text
    assert "Least typical" not in text
    assert "Most typical" in text
    assert "t2 2 point(s) without an area were passed over; mended" in text
    assert "A tile has the class of the region in which it lies" in text
    assert "LUAD 4 5 0.812 0.700 to 0.900 2 0.812 0.700 to 0.900" in text


def test_a_class_that_the_model_never_chose_is_said_to_be_one(page_of):
    slides = [replace(slide, scores=(0.7, 0.281, 0.019)) for slide in RIGHT]
    page = page_of(slides + TRAINING)
    gallery = page[page.index("<h2>Tiles</h2>") :]
    assert gallery.count("The model never chose this class") == 4  # most and least typical LUSC and Normal
    assert re.search(
        r'Most typical\s+<span class="class class-2">Normal</span></h3>\s+<p class="note">The model nev', gallery
    )
    assert "never chose" not in page_of(RIGHT + TRAINING)


def test_every_test_slide_may_be_set_aside(page_of):
    page = _Page(page_of([*TRAINING, *ASIDE]))
    assert "No test slide could be scored" in page.text
    assert "no tile has <enough> tissue" in page.text


def test_a_class_without_test_slides_is_not_computable(page_of):
    text = _Page(page_of(RIGHT[:2] + TRAINING)).text
    assert "Not computable where a class has no scored test slide: Normal." in text


def test_nothing_was_trained(page_of):
    text = _Page(page_of(RIGHT + TRAINING, trained=False)).text
    assert "Nothing was trained in this run" in text
    assert "of a patient in training" not in text


def test_a_probe_was_fitted(tmp_path):
    files = write_run(tmp_path, RIGHT + TRAINING)
    features = {"encoder": "drawn", "dimension": 1280, "tile_size": 256, "mpp": 0.5, "weights_sha256": "abcd"}
    facts = {"features": features, "l2": 0.01, "train": {"tiles": 1234}, "validation": {"tiles": 56}, "sha256": "ef01"}
    files.folds[0].plan.write_text(json.dumps(facts))
    files.folds[0].history.write_text(
        "trial\tl2\ttrain_loss\ttrain_accuracy\tvalidation_loss\tvalidation_accuracy\n"
        "1\t1\t1.25\t0.5\t1.0\t0.625\n2\t0.01\t0.75\t0.75\t0.5\t0.6875\n"
    )
    write_report(files, tmp_path / "report.html")
    text = " ".join(_Page((tmp_path / "report.html").read_text()).text.split())
    assert "A linear classifier on the 1,280 features of a tile by the encoder drawn: 1,234 training and 56" in text
    assert "penalty (l2) 0.01 gave the lowest validation loss" in text
    assert "Numbers of each strength" in text
    assert "epoch" not in text
    assert re.search("weights of the encoder *abcd *features and labels *ef01", text)


def test_flags_are_shown(page_of):
    assert "pen marks: 1 slide" in _Page(page_of(RIGHT + TRAINING)).text


def test_the_page_asks_no_network_for_anything(page_of):
    page = page_of(RIGHT + TRAINING + ASIDE)
    sources = [value for _, names in _Page(page).attributes for name, value in names.items() if name in ("src", "href")]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not re.search(r"url\(|@import|<script src|<link|https?://", page)


def test_slides_and_tiles_lead_to_the_viewer_where_the_config_says_where_it_is(page_of):
    config = {"classes": CLASSES, "seed": 1, "viewing": {"url": "http://127.0.0.1:8081"}}
    links = [attributes["href"] for tag, attributes in _Page(page_of(RIGHT, config=config)).attributes if tag == "a"]
    led = [link for link in links if link.startswith("http://127.0.0.1:8081/")]
    assert {"http://127.0.0.1:8081/#slide=t1", "http://127.0.0.1:8081/#slide=t1&x=512&y=0"} <= set(led)
    assert "http://127.0.0.1:8081" not in page_of(RIGHT)


def test_names_from_outside_are_escaped(page_of):
    slides = [
        FakeSlide("<b>bold", "LUAD", "test", scores=(0.8, 0.1, 0.1)),
        FakeSlide('"><script>alert(1)', "LUSC", "train", flags=("<i>",)),
        FakeSlide("x", "LUSC", "test", reason="<script>"),
    ]
    page = page_of(slides, config={"slides": "<em>.tsv"})
    assert not re.search(r"<(b|i|em)\b", page)
    assert page.count("<script") == 1
    text = _Page(page).text
    for name in ("<b>bold", '"><script>alert(1)', "<i>", "<em>.tsv"):
        assert name in text


def test_pictures_have_alternative_texts_and_tables_have_headers(page_of):
    page = _Page(page_of(RIGHT + TRAINING + ASIDE))
    assert all(picture["alt"] for picture in page.all("img") if picture.get("id") != "viewer-picture")
    assert all(drawing.get("aria-label") or drawing.get("aria-hidden") for drawing in page.all("svg"))
    assert all(header["scope"] for header in page.all("th"))
    assert page.all("html")[0]["lang"] == "en"


def test_the_same_run_gives_the_same_bytes(tmp_path):
    files = write_run(tmp_path, RIGHT + TRAINING)
    for name in ("a.html", "b.html"):
        write_report(files, tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_in_a_cross_validation_each_slide_is_in_the_part_of_the_fold_that_tests_it(tmp_path):
    files = write_run(tmp_path, RIGHT + TRAINING)
    folds = []
    for number, (tested, other) in enumerate([("t1", "t2"), ("t2", "t1")]):
        split_of = {tested: "test", other: "validation"}
        rows = [replace(row, split=split_of.get(row.slide_id, "train")) for row in read_splits(files.folds[0].splits)]
        write_splits(tmp_path / f"{number}.tsv", rows)
        folds.append(replace(files.folds[0], splits=tmp_path / f"{number}.tsv"))
    run = read_run(replace(files, folds=folds))
    assert {name: [row.slide_id for row in rows] for name, rows in run.parts.items()} == {
        "fold 0": ["t1"],
        "fold 1": ["t2"],
        "never tested": ["a1", "a2", "t3"],
    }
    assert len(run.trainings) == 2


def test_sites_are_counted_where_they_are_known(page_of):
    assert "By site" not in page_of([*RIGHT, *TRAINING])
    page = page_of([*RIGHT, *TRAINING, FakeSlide("s", "LUAD", "train", site="S<5>")])
    assert "<h3>By site</h3>" in page
    assert "S&lt;5&gt;" in page
    _Page(page)
