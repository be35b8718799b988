"""Whether regions lie where they belong: on their slide, and on its tissue."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely

from slidemill.annotations.regions import AnnotationError, Annotations
from slidemill.tiling.store import SlideFacts, TileStore

_MOST_OUTSIDE = 0.2  # outlines are drawn over the edge of a slide, and of its scanned part
_LEAST_ON_TISSUE = 0.2  # of the annotated area; those who annotate lumen and fat stay above
# For another reading of the coordinates to be the likely one, so much of the area lies on tissue by it, and so much
# tissue is annotated then: a small mark falls on tissue by chance.
_MOSTLY_ON_TISSUE = 0.7
_LEAST_TISSUE = 0.02
_LEVELS = (2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class AnnotatedSlide:
    """What of a slide is needed to read its annotations.

    Attributes:
        width, height: level-0 pixels of OpenSlide.
        mpp: microns per level-0 pixel.
        origin: x and y of the corner to which QuPath crops the slide (openslide.bounds-x, -y), level-0 pixels.
        tissue: (height, width) bool, tissue of the whole slide at any resolution; empty where it is not known.
    """

    width: int
    height: int
    mpp: float
    origin: tuple[float, float] = (0.0, 0.0)
    tissue: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.bool_))


def annotated_slide(store: TileStore) -> AnnotatedSlide | None:
    """What of a slide is needed to read its annotations; None of one that could not be read."""
    facts = store.summary.slide
    if facts is None:
        return None
    return AnnotatedSlide(facts.width, facts.height, facts.mpp, viewer_origin(facts), store.tissue_mask)


def viewer_origin(facts: SlideFacts | None) -> tuple[int, int]:
    """The corner from which QuPath counts, level-0 pixels of OpenSlide."""
    return (int(facts.bounds.x), int(facts.bounds.y)) if facts and facts.bounds else (0, 0)


_Share = Callable[[shapely.Geometry, AnnotatedSlide], float]


def check_place(path: Path, annotations: Annotations, slide: AnnotatedSlide) -> None:
    """Refuse annotations that are not of this slide or not in its level-0 pixels.

    Raises:
        AnnotationError: with the likely cause.
    """
    if not annotations.regions:
        return
    drawn = shapely.union_all([region.area for region in annotations.regions])
    outside = 1 - _share_inside(drawn, slide)
    apart = [region for region in annotations.regions if not region.area.intersects(_frame(slide))]
    if outside > _MOST_OUTSIDE or apart:
        cause = _likely_cause(drawn, slide, least=1 - _MOST_OUTSIDE, share=_share_inside)
        raise AnnotationError(
            path,
            f"{outside:.0%} of the annotated area and {len(apart)} of {len(annotations.regions)} region(s) lie "
            f"outside the slide ({slide.width} x {slide.height} level-0 pixels). "
            + (cause or "Likely they are of another slide."),
        )
    on_tissue = _share_on_tissue(drawn, slide)
    if slide.tissue.any() and on_tissue < _LEAST_ON_TISSUE:
        cause = _likely_cause(drawn, slide, least=_MOSTLY_ON_TISSUE, share=_share_of_much_tissue)
        if cause:
            raise AnnotationError(path, f"only {on_tissue:.0%} of the annotated area is tissue. {cause}")


def _frame(slide: AnnotatedSlide) -> shapely.Geometry:
    return shapely.box(0, 0, slide.width, slide.height)


def _share_inside(drawn: shapely.Geometry, slide: AnnotatedSlide) -> float:
    left, top, right, bottom = drawn.bounds
    if left >= 0 and top >= 0 and right <= slide.width and bottom <= slide.height:
        return 1.0
    return float(drawn.intersection(_frame(slide)).area / drawn.area)


def _share_on_tissue(drawn: shapely.Geometry, slide: AnnotatedSlide) -> float:
    """Share of the area that is tissue, by the centres of the tissue mask's pixels."""
    rows, columns = slide.tissue.shape
    if not rows or not columns:
        return 0.0
    # A region smaller than a pixel of the mask still has the pixel in which it lies.
    step = max(slide.width / columns, slide.height / rows)
    area = drawn.buffer(step) if drawn.area < 4 * step * step else drawn
    left, top, right, bottom = area.bounds
    xs = (np.arange(columns) + 0.5) * slide.width / columns
    ys = (np.arange(rows) + 0.5) * slide.height / rows
    xs, ys = xs[(xs >= left) & (xs <= right)], ys[(ys >= top) & (ys <= bottom)]
    if not len(xs) or not len(ys):
        return 0.0
    shapely.prepare(area)
    x, y = np.meshgrid(xs, ys)
    inside = shapely.contains_xy(area, x, y)
    row = np.minimum((y * rows / slide.height).astype(int), rows - 1)
    column = np.minimum((x * columns / slide.width).astype(int), columns - 1)
    return float(slide.tissue[row, column][inside].mean()) if inside.any() else 0.0


def _share_of_much_tissue(drawn: shapely.Geometry, slide: AnnotatedSlide) -> float:
    share = _share_on_tissue(drawn, slide)
    return share if share * drawn.area >= _LEAST_TISSUE * slide.tissue.mean() * slide.width * slide.height else 0.0


def _likely_cause(drawn: shapely.Geometry, slide: AnnotatedSlide, *, least: float, share: _Share) -> str | None:
    """What would bring the regions to their place, the simplest first."""
    for told, factor, shift in _readings(slide):
        moved = shapely.transform(drawn, lambda points, f=factor, s=shift: points * f + s)
        if share(moved, slide) >= least:
            return told
    return None


def _readings(slide: AnnotatedSlide) -> Iterator[tuple[str, float, np.ndarray]]:
    origin, nothing = np.array(slide.origin, np.float64), np.zeros(2)
    if origin.any():
        yield (
            f"Likely their origin is that of QuPath, which crops the slide ({slide.origin[0]:g}, {slide.origin[1]:g}): "
            "export them as GeoJSON.",
            1.0,
            origin,
        )
        yield "Likely they were moved by the slide's bounds twice: export them anew.", 1.0, -origin
    yield "Likely they are in microns: export them in pixels.", 1 / slide.mpp, nothing
    for level in _LEVELS:
        yield (
            f"Likely they were drawn on a level {level} times smaller: multiply them by {level}.",
            float(level),
            nothing,
        )
    for level in _LEVELS[:3]:
        yield (
            f"Likely they were drawn on a scan {level} times larger: divide them by {level}, or give that scan.",
            1 / level,
            nothing,
        )
