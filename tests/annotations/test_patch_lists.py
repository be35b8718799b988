"""Where patches are and what they show, as tables and lists say it."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from slidemill.annotations.patch_lists import PatchListError, read_patch_lists
from slidemill.annotations.place import AnnotatedSlide
from slidemill.annotations.reading import read_annotations
from slidemill.annotations.shares import class_areas

CLASSES = ("normal", "tumour")
SLIDES = ["tumor_024", "tumor_025"]


def table(folder, *rows, header="slide_id,x,y,class"):
    path = folder / "patches.csv"
    path.write_text("".join(f"{row}\n" for row in (header, *rows)), encoding="utf-8")
    return path


def lists(folder, **rows):
    for name, own in rows.items():
        (folder / f"{name}.txt").write_text("".join(f"{row}\n" for row in own))
    return {name: [folder / f"{name}.txt"] for name in rows}


def problems(source, slides=SLIDES):
    with pytest.raises(PatchListError) as caught:
        read_patch_lists(source, slides, CLASSES)
    return str(caught.value).splitlines()


def told(found):
    return {
        slide_id: list(zip(map(tuple, patches.centres.tolist()), patches.labels.tolist(), strict=True))
        for slide_id, patches in found.slides.items()
    }


def test_a_table_gives_the_patches_of_each_slide_from_top_to_bottom(tmp_path):
    path = table(tmp_path, "tumor_025,9,8,normal", "tumor_024,700,20,tumour", "tumor_024,30,900,normal")
    found = read_patch_lists(path, SLIDES, CLASSES)
    assert told(found) == {"tumor_024": [((700, 20), 1), ((30, 900), 0)], "tumor_025": [((9, 8), 0)]}
    assert [found.slides["tumor_024"].place(n) for n in (0, 1)] == [f"{path}, line 3", f"{path}, line 4"]
    assert found.slides["tumor_024"].class_counts(2).tolist() == [1, 1]
    assert found.remarks == ()


def test_lists_of_ncrf_give_each_their_class_whatever_the_case_of_slides(tmp_path):
    sources = lists(tmp_path, tumour=["Tumor_024,10,20"], normal=["Tumor_024,50,20", "", "TUMOR_025,1,2"])
    assert told(read_patch_lists(sources, SLIDES, CLASSES)) == {
        "tumor_024": [((10, 20), 1), ((50, 20), 0)],
        "tumor_025": [((1, 2), 0)],
    }


def test_a_class_may_have_several_lists(tmp_path):
    sources = lists(tmp_path, tumour=["tumor_024,10,20"], more=["tumor_024,10,20", "tumor_025,3,4"])
    found = read_patch_lists({"tumour": [*sources["tumour"], *sources["more"]]}, SLIDES, CLASSES)
    assert told(found) == {"tumor_024": [((10, 20), 1)], "tumor_025": [((3, 4), 1)]}


@pytest.mark.parametrize("header", ["slide\tx\ty\tlabel\tscore", "\ufeffslide_id\tX\tY\tCLASS\tscore"])
def test_other_names_separators_and_columns_are_known(tmp_path, header):
    path = table(tmp_path, "tumor_024\t10.0\t20.5\ttumour\t0.9", header=header)
    assert told(read_patch_lists(path, SLIDES, CLASSES)) == {"tumor_024": [((10, 21), 1)]}


def test_patches_of_other_slides_and_repeated_ones_are_passed_over_and_told(tmp_path):
    path = table(tmp_path, *["tumor_024,1,2,normal"] * 3, "x_1,nan,2,normal", "x_1,3,2,other")
    found = read_patch_lists(path, SLIDES, CLASSES)
    assert told(found) == {"tumor_024": [((1, 2), 0)]}
    assert found.remarks == (
        "2 patches are of 1 slides that the slide sheet does not have, the first x_1",
        "2 patches come up more than once, and count once",
    )


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "", "12px", "1e12", "\u0661"])
def test_what_is_no_pixel_is_told_with_its_line(tmp_path, text):
    path = table(tmp_path, "tumor_024,1,2,normal", f"tumor_024,1,{text},normal")
    if text == "\u0661":  # an Arabic digit is one
        assert told(read_patch_lists(path, SLIDES, CLASSES))["tumor_024"][0][0] == (1, 1)
    else:
        assert problems(path) == [f"{path}, line 3: its y is '{text}'. Give the middle of a patch in level-0 pixels."]


def test_all_mistakes_are_told_at_once(tmp_path):
    path = table(tmp_path, "tumor_024,1,2,tumor", "tumor_024,5,6,normal", "tumor_024,5,6,tumour", "tumor_024,1")
    assert problems(path) == [
        f"{path}, line 2: its class 'tumor' is none of the config's classes (normal, tumour). Correct it.",
        f"{path}, line 4: has another class than the same place has in {path}, line 3. Keep one of them.",
        f"{path}, line 5: has 2 of 4 cells. Fill in the others.",
    ]


def test_of_very_many_mistakes_the_first_are_told(tmp_path):
    found = problems(table(tmp_path, *[f"tumor_024,{n},2,x" for n in range(100)]))
    assert (len(found), found[-1]) == (31, "... and 70 more mistakes of the lists of patches")


def test_what_is_no_list_is_refused(tmp_path):
    assert (
        "has no column 'class'. Write slide_id, x, y and class"
        in problems(table(tmp_path, "tumor_024,1,2", header="slide_id,x,y"))[0]
    )
    assert "has 2 cells. Write slide_id, x and y." in problems(lists(tmp_path, normal=["tumor_024,1"]))[0]
    assert "its x is 'x'" in problems(lists(tmp_path, normal=["tumor_024,x,y"]))[0]
    assert "cannot be read (No such file or directory)" in problems(tmp_path / "missing.csv")[0]
    (tmp_path / "patches.csv").write_bytes(b"\xff\xfe\x00,")
    assert "is no table of patches" in problems(tmp_path / "patches.csv")[0]
    assert "has no patches" in problems(table(tmp_path))[0]
    assert "names none of the slide sheet's slides; its first is 'a'" in problems(table(tmp_path, "a,1,2,normal"))[0]


@given(
    st.lists(
        st.tuples(st.sampled_from(SLIDES), st.integers(0, 9), st.integers(0, 9), st.sampled_from(CLASSES)),
        min_size=1,
        unique_by=lambda row: row[:3],
    ),
    st.randoms(),
)
def test_the_order_of_rows_changes_nothing_and_none_is_lost(tmp_path_factory, rows, shuffler):
    folder = tmp_path_factory.mktemp("rows")
    found = told(read_patch_lists(table(folder, *(",".join(map(str, row)) for row in rows)), SLIDES, CLASSES))
    assert sum(map(len, found.values())) == len(rows)
    assert {(s, *xy, CLASSES[c]) for s, own in found.items() for xy, c in own} == set(rows)
    shuffled = shuffler.sample(rows, k=len(rows))
    again = told(read_patch_lists(table(folder, *(",".join(map(str, row)) for row in shuffled)), SLIDES, CLASSES))
    assert again == found


def test_the_published_lists(shared):
    files = {"tumour": [shared / "ncrf/tumor_valid_500.txt"], "normal": [shared / "ncrf/normal_valid_500.txt"]}
    slides = [f"tumor_{n:03}" for n in range(101, 112)] + [f"normal_{n:03}" for n in range(141, 161)]
    found = read_patch_lists(files, slides, CLASSES)
    counts = np.sum([patches.class_counts(2) for patches in found.slides.values()], axis=0)
    assert counts.tolist() == [500, 500]
    assert found.remarks == ()
    assert found.slides["tumor_102"].class_counts(2).tolist() == [77, 49]


def test_middles_of_the_published_tumour_patches_lie_in_the_published_outlines(shared):
    found = read_patch_lists({"tumour": [shared / "ncrf/tumor_valid_500.txt"]}, ["tumor_110"], CLASSES)
    slide = AnnotatedSlide(200_000, 250_000, 0.243)
    regions = read_annotations(shared / "ncrf/Tumor_110.json", slide).regions
    area = class_areas(regions, {"tumour": ["positive"]}, ["negative"])["tumour"]
    x, y = found.slides["tumor_110"].centres.T
    assert len(x) == 51
    assert shapely.contains_xy(area, x, y).all()
