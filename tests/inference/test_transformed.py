"""Answers of a batch transform: one after another in a file, each for some of the tiles."""

import json

import numpy as np
import pytest

from slidemill.inference.transformed import AnswersError, read_answers

CLASSES = ("a", "b")


def answer(*scores, classes=CLASSES):
    return json.dumps({"classes": classes, "scores": scores, "slide_scores": [0.5, 0.5]})


@pytest.mark.parametrize("between", ["\n", "", "\n\n"])
def test_answers_are_joined_in_order(tmp_path, between):
    path = tmp_path / "s.tfrecord.out"
    path.write_text(between.join([answer([0.25, 0.75], [1.0, 0.0]), answer([0.5, 0.5]), ""]))
    scores = read_answers(path, CLASSES)
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, [[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])


def test_a_slide_without_tiles_has_an_empty_file(tmp_path):
    path = tmp_path / "s.tfrecord.out"
    path.touch()
    assert read_answers(path, CLASSES).shape == (0, 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (answer([0.25, 0.75], classes=("b", "a")), "it is about b, a, the model a, b"),
        (answer([0.25, 0.75])[:-5], "no answers of the service"),
        (json.dumps({"error": "the body has no tiles"}), "no answers of the service"),
        (answer([0.25]), "no answers of the service"),
        ("[]", "no answers of the service"),
    ],
)
def test_what_is_no_answer_is_refused(tmp_path, text, reason):
    path = tmp_path / "s.tfrecord.out"
    path.write_text(text)
    with pytest.raises(AnswersError, match=reason):
        read_answers(path, CLASSES)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(AnswersError, match="it is missing"):
        read_answers(tmp_path / "s.tfrecord.out", CLASSES)
