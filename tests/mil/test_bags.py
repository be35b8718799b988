"""Slides in bags."""

import pytest

from slidemill.mil.bags import BagError, bags_of

from .conftest import CLASSES, row


def test_each_slide_with_tiles_is_a_bag():
    bags = bags_of([row("b", 3, label="B"), row("a", 5), row("none", 0)], CLASSES, bag="slide")
    assert [(bag.name, bag.label, bag.tile_count) for bag in bags.bags] == [("a", 0, 5), ("b", 1, 3)]
    assert [slide.slide_id for slide in bags.set_aside] == ["none"]
    assert bags.class_counts() == (1, 1, 0)


def test_the_slides_of_a_patient_are_one_bag_in_their_order():
    rows = [row("s3", 3, patient="P2", label="C"), row("s2", 2, patient="P1"), row("s1", 4, patient="P2", label="C")]
    bags = bags_of(rows, CLASSES, bag="patient")
    assert [(bag.name, bag.tile_count, bag.label) for bag in bags.bags] == [("P1", 2, 0), ("P2", 7, 2)]
    assert [bags.slides[place].slide_id for place in bags.bags[1].slides] == ["s1", "s3"]


def test_a_patient_of_two_classes_is_no_bag():
    rows = [row("s1", 3, patient="P"), row("s2", 2, patient="P", label="B")]
    with pytest.raises(BagError, match="patient P: its slides have the labels A, B"):
        bags_of(rows, CLASSES, bag="patient")
    assert len(bags_of(rows, CLASSES, bag="slide")) == 2


def test_a_split_without_tiles_and_an_unknown_label_are_told():
    with pytest.raises(BagError, match="no slide of this split has tiles"):
        bags_of([row("a", 0)], CLASSES, bag="slide")
    with pytest.raises(BagError, match="slide a: its label 'D' is none of the classes A, B, C"):
        bags_of([row("a", 1, label="D")], CLASSES, bag="slide")
