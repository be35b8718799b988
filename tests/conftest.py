"""What tests of several stages share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from slidemill.slides.synthetic import Recipe, synthesize_slide

# The machine may be slow; tests say nothing of time. The examples are the same in every run.
settings.register_profile("slidemill", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("slidemill")

REPOSITORY = Path(__file__).parent.parent
REAL_SLIDE = REPOSITORY.parent / "shared" / "slides" / "CMU-1-Small-Region.svs"


@pytest.fixture(scope="session")
def real_slide() -> Path:
    """A region of a real slide, 2220 x 2967 pixels."""
    if not REAL_SLIDE.exists():
        pytest.skip("OpenSlide's test slide CMU-1-Small-Region.svs is not beside the checkout, in shared/slides")
    return REAL_SLIDE


@pytest.fixture(scope="session")
def draw_slide(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Draws the synthetic slide of a recipe, once for all tests."""
    folder = tmp_path_factory.mktemp("slides")

    def draw(recipe: str) -> Path:
        path = folder / f"{recipe.replace(' ', '_')}.svs"
        if not path.exists():
            synthesize_slide(path, recipe=Recipe.parse(recipe), slide_id=path.stem, seed=1)
        return path

    return draw
