"""Files of annotations as programs write them, small ones."""

from pathlib import Path

import pytest

from slidemill.annotations.place import AnnotatedSlide

SHARED = Path(__file__).parents[3] / "shared" / "annotations"
SQUARE = [(1000, 2000), (1400, 2000), (1400, 2400), (1000, 2400)]


@pytest.fixture
def slide() -> AnnotatedSlide:
    """A slide of 40,000 x 30,000 pixels of which nothing else is known."""
    return AnnotatedSlide(40_000, 30_000, 0.25)


@pytest.fixture
def shared() -> Path:
    """Real files of annotations."""
    if not SHARED.exists():
        pytest.skip("real annotations are not beside the checkout, in shared/annotations")
    return SHARED


def asap(*regions: tuple[str, str, str, list]) -> str:
    """An ASAP file: of each region its name, type, group and vertices."""
    annotations = "".join(
        f'<Annotation Name="{name}" Type="{kind}" PartOfGroup="{group}" Color="#F4FA58"><Coordinates>'
        + "".join(f'<Coordinate Order="{n}" X="{x}" Y="{y}" />' for n, (x, y) in enumerate(vertices))
        + "</Coordinates></Annotation>"
        for name, kind, group, vertices in regions
    )
    return f'<?xml version="1.0"?><ASAP_Annotations><Annotations>{annotations}</Annotations></ASAP_Annotations>'
