"""Synthetic slides: what OpenSlide makes of the files, and what may and may not tell their classes apart."""

import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from slidemill.errors import SlidemillError
from slidemill.slides.synthetic.recipe import Recipe, RecipeError
from slidemill.slides.synthetic.slide import synthesize_slide
from slidemill.slides.synthetic.sticker import STICKER_COLOUR

TISSUES = ("glands", "nests", "alveoli")
MPP = {20: 0.5, 40: 0.25}


def draw(folder: Path, text: str, slide_id: str = "slide-1", seed: int = 1) -> Path:
    path = folder / f"{slide_id}-{text.replace(' ', '_')}-{seed}.svs"
    synthesize_slide(path, recipe=Recipe.parse(text), slide_id=slide_id, seed=seed)
    return path


def pixels(slide: openslide.OpenSlide, level: int) -> np.ndarray:
    return np.asarray(slide.read_region((0, 0), level, slide.level_dimensions[level]))[..., :3]


def shares_of_tissue(rgb: np.ndarray) -> float:
    saturation = (rgb.max(axis=-1).astype(int) - rgb.min(axis=-1)) / np.maximum(rgb.max(axis=-1), 1)
    return float((saturation > 0.07).mean())


@pytest.fixture(params=["glands 20x 0.8x0.7mm", "nests 40x 0.8x0.7mm pen"], scope="module")
def recipe_and_slide(request, tmp_path_factory):
    path = draw(tmp_path_factory.mktemp("slides"), request.param)
    with openslide.OpenSlide(path) as slide:
        yield Recipe.parse(request.param), slide


class TestFile:
    """OpenSlide, which QuPath uses too, decides whether a file is an Aperio slide."""

    def test_it_states_vendor_and_resolution(self, recipe_and_slide):
        recipe, slide = recipe_and_slide
        facts = slide.properties
        assert facts["openslide.vendor"] == "aperio"
        assert float(facts["openslide.mpp-x"]) == float(facts["openslide.mpp-y"]) == MPP[recipe.power]
        assert float(facts["aperio.MPP"]) == MPP[recipe.power]
        assert facts["openslide.objective-power"] == facts["aperio.AppMag"] == str(recipe.power)

    def test_the_area_has_the_size_asked_for(self, recipe_and_slide):
        recipe, slide = recipe_and_slide
        assert slide.dimensions == (800 / MPP[recipe.power], 700 / MPP[recipe.power])

    def test_each_level_is_a_quarter_of_the_one_before(self, recipe_and_slide):
        _, slide = recipe_and_slide
        assert slide.level_count >= 2
        assert slide.level_downsamples == pytest.approx([4**level for level in range(slide.level_count)], rel=0.01)

    def test_level_1_shows_level_0(self, recipe_and_slide):
        _, slide = recipe_and_slide
        coarse = pixels(slide, 1).astype(float)
        height, width = coarse.shape[:2]
        full = pixels(slide, 0)[: 4 * height, : 4 * width].astype(float)
        means = full.reshape(height, 4, width, 4, 3).mean(axis=(1, 3))
        assert np.abs(means - coarse).mean() < 5  # JPEG's loss; another place of the slide differs by 30

    def test_thumbnail_label_and_macro_come_with_it(self, recipe_and_slide):
        _, slide = recipe_and_slide
        images = slide.associated_images
        assert set(images) == {"thumbnail", "label", "macro"}
        thumbnail = np.asarray(images["thumbnail"])[..., :3]
        assert shares_of_tissue(thumbnail) == pytest.approx(shares_of_tissue(pixels(slide, 1)), abs=0.05)

    def test_only_label_and_macro_show_the_colour_of_the_sticker(self, recipe_and_slide):
        _, slide = recipe_and_slide

        def shows_sticker(image):
            return bool((np.abs(np.asarray(image)[..., :3].astype(int) - STICKER_COLOUR).max(axis=-1) < 12).any())

        found = {name for name, image in slide.associated_images.items() if shows_sticker(image)}
        assert found == {"label", "macro"}
        assert not shows_sticker(pixels(slide, 0))

    def test_the_directories_stand_in_the_order_of_aperio(self, tmp_path):
        with tifffile.TiffFile(draw(tmp_path, "alveoli 40x 1.1x0.5mm")) as tiff:
            assert tiff.is_svs
            assert [page.is_tiled for page in tiff.pages] == [True, False, True, True, False, False]
            assert [page.subfiletype for page in tiff.pages] == [0, 0, 0, 0, 1, 9]
            assert not any("DateTime" in page.tags or "Software" in page.tags for page in tiff.pages)


class TestFlaws:
    def test_a_truncated_file_is_shorter_and_cannot_be_opened(self, tmp_path):
        whole = draw(tmp_path, "glands 20x 0.4x0.4mm")
        cut = draw(tmp_path, "glands 20x 0.4x0.4mm truncated")
        assert whole.read_bytes().startswith(cut.read_bytes())
        assert cut.stat().st_size == pytest.approx(0.6 * whole.stat().st_size, abs=1)
        with pytest.raises(openslide.OpenSlideError):
            openslide.OpenSlide(cut).read_region((0, 0), 0, (256, 256))

    def test_ink_lies_on_glass_and_on_tissue(self, tmp_path):
        clean, inked = (
            pixels(openslide.OpenSlide(draw(tmp_path, f"nests 20x 0.8x0.7mm{flaw}")), 1).astype(int)
            for flaw in ("", " pen")
        )
        changed = np.abs(clean - inked).max(axis=-1) > 40
        was_glass = clean.min(axis=-1) > 225
        assert changed[was_glass].mean() > 0.02
        assert changed[~was_glass].mean() > 0.02
        assert changed.mean() < 0.6

    def test_glass_without_tissue_holds_nothing_but_specks(self, tmp_path):
        rgb = pixels(openslide.OpenSlide(draw(tmp_path, "none 20x 0.8x0.7mm")), 1)
        assert shares_of_tissue(rgb) < 0.01
        assert rgb.mean() > 235


def test_sheets_are_checked_without_what_paints():
    """Every start of the workflow reads recipes, and each job on a cluster starts it three times."""
    program = "import sys, slidemill.cohort.sources; print('scipy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False\n"


class TestSameBytes:
    """The file depends on the recipe, the slide's id and the seed, and on nothing else."""

    @pytest.mark.slow
    def test_in_another_process_with_other_hashes_and_threads(self, tmp_path):
        path = draw(tmp_path, "nests 40x 0.4x0.4mm pen")
        program = (
            "import sys; from pathlib import Path; from slidemill.slides.synthetic.recipe import Recipe;"
            "from slidemill.slides.synthetic.slide import synthesize_slide;"
            "synthesize_slide(Path(sys.argv[1]), recipe=Recipe.parse('nests 40x 0.4x0.4mm pen'),"
            " slide_id='slide-1', seed=1)"
        )
        again = tmp_path / "again.svs"
        environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "3", "TZ": "Asia/Tokyo"}
        subprocess.run([sys.executable, "-c", program, str(again)], check=True, env=environment)
        assert path.read_bytes() == again.read_bytes()

    def test_another_id_or_seed_or_tissue_gives_another_slide(self, tmp_path):
        slides = [
            draw(tmp_path, "glands 20x 0.4x0.4mm"),
            draw(tmp_path, "glands 20x 0.4x0.4mm", slide_id="slide-2"),
            draw(tmp_path, "glands 20x 0.4x0.4mm", seed=2),
            draw(tmp_path, "nests 20x 0.4x0.4mm"),
        ]
        assert len({hashlib.sha256(slide.read_bytes()).digest() for slide in slides}) == len(slides)

    def test_no_temporary_file_stays_behind(self, tmp_path):
        path = draw(tmp_path, "none 20x 0.4x0.4mm")
        assert list(tmp_path.iterdir()) == [path]


@pytest.fixture(scope="module")
def tiles(tmp_path_factory) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean colour, class and slide number of the tiles (256 um a side) of six slides per class."""
    colours, classes, numbers = [], [], []
    folder = tmp_path_factory.mktemp("classes")
    for label, tissue in enumerate(TISSUES):
        for number in range(6):
            path = draw(folder, f"{tissue} 20x 1.1x1.1mm", slide_id=f"{tissue}-{number}", seed=3)
            with openslide.OpenSlide(path) as slide:
                rgb = pixels(slide, 1)[:512, :512]
            for tile in rgb.reshape(4, 128, 4, 128, 3).swapaxes(1, 2).reshape(16, 128, 128, 3):
                if shares_of_tissue(tile) >= 0.5:
                    colours.append(tile.mean(axis=(0, 1)))
                    classes.append(label)
                    numbers.append(number)
    return np.array(colours), np.array(classes), np.array(numbers)


class TestClasses:
    """Architecture, and not colour, tells the classes apart."""

    @pytest.mark.slow
    def test_mean_colour_does_not_tell_them_apart(self, tiles):
        """A linear classifier on mean colour, tested on unseen slides, is right in under half of the cases.

        Chance is one third. A small convolutional network reaches more than 0.95 on such tiles.
        """
        colours, classes, numbers = tiles
        scores = []
        for fold in range(3):
            held_out = numbers % 3 == fold
            model = make_pipeline(StandardScaler(), LogisticRegression())
            model.fit(colours[~held_out], classes[~held_out])
            scores.append(model.score(colours[held_out], classes[held_out]))
        assert np.mean(scores) < 0.5

    @pytest.mark.slow
    def test_each_class_gives_tiles_enough(self, tiles):
        _, classes, _ = tiles
        assert np.bincount(classes).min() > 6 * 16 * 0.25

    @pytest.mark.slow
    @pytest.mark.parametrize("tissue", TISSUES)
    def test_both_powers_show_the_same_place(self, tmp_path, tissue):
        """At 0.5 um per pixel a 40x slide looks like the 20x slide of the same id and seed."""
        low = pixels(openslide.OpenSlide(draw(tmp_path, f"{tissue} 20x 0.5x0.5mm")), 0).astype(float)
        high = pixels(openslide.OpenSlide(draw(tmp_path, f"{tissue} 40x 0.5x0.5mm")), 0).astype(float)
        means = high.reshape(1000, 2, 1000, 2, 3).mean(axis=(1, 3))
        assert np.abs(means - low).mean() < 8
        assert np.corrcoef(means.ravel(), low.ravel())[0, 1] > 0.9


class TestRecipe:
    recipes = st.builds(
        Recipe,
        tissue=st.sampled_from([*TISSUES, "none"]),
        power=st.sampled_from([20, 40]),
        width_mm=st.floats(0.3, 10),
        height_mm=st.floats(0.3, 10),
        flaw=st.sampled_from(["pen", "truncated", None]),
    )

    @given(recipe=recipes)
    def test_the_text_of_a_recipe_reads_back(self, recipe):
        assert Recipe.parse(str(recipe)) == recipe

    def test_the_example_of_the_documentation(self):
        assert Recipe.parse("glands 40x 2.0x1.8mm pen") == Recipe("glands", 40, 2.0, 1.8, "pen")
        assert Recipe.parse("none 20x 2x1mm") == Recipe("none", 20, 2.0, 1.0, None)

    @pytest.mark.parametrize(
        ("text", "bad_word"),
        [
            ("polyps 20x 2x2mm", "polyps"),
            ("glands 10x 2x2mm", "10x"),
            ("glands 20x 2x2", "2x2"),
            ("glands 20x 0.1x2mm", "0.1"),
            ("glands 20x 2x11mm", "11.0"),
            ("glands 20x 2x2mm torn", "torn"),
            ("glands 20x", "2 words"),
            ("", "0 words"),
            ("glands 20x 2x2mm pen pen", "5 words"),
        ],
    )
    def test_a_bad_text_is_refused_with_the_bad_word_and_the_allowed_form(self, text, bad_word):
        with pytest.raises(RecipeError) as caught:
            Recipe.parse(text)
        message = str(caught.value)
        assert isinstance(caught.value, SlidemillError)
        assert repr(text) in message
        assert bad_word in message
        assert "glands 40x 2.0x1.8mm pen" in message
        assert "\n" not in message

    @given(text=st.text())
    def test_any_text_is_read_or_refused(self, text):
        with suppress(RecipeError):
            assert str(Recipe.parse(text)).split()[:2] == text.split()[:2]
