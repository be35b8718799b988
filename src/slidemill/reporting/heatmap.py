"""The picture of a slide's scores: the slide, then a panel for each class, and for attention."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import shapely

from slidemill.evaluation.aggregate import SlideScore, score_slide
from slidemill.inference.store import Predictions
from slidemill.reporting.figure import Legend, Panel, draw_panels
from slidemill.reporting.layers import Layer, layers_of
from slidemill.reporting.outlines import draw_outlines
from slidemill.reporting.overlay import colour_bar, colour_tiles, excluded_tiles, hatch_tiles, tile_numbers
from slidemill.slides import to_viewer
from slidemill.tiling.store import SlideFacts
from slidemill.units import Microns

_MICRONS_PER_MM = 1000


def slide_panels(
    overview: np.ndarray,
    slide: SlideFacts,
    predictions: Predictions,
    areas: Mapping[str, shapely.Geometry] | None = None,
) -> list[Panel]:
    """The slide and, for each class, its tile scores blended over the slide; and so attention.

    Every tile covers exactly its square of the slide (see `slidemill.reporting.overlay`). Tiles that were left out are
    hatched; what lies outside the grid of tiles shows the plain slide. Annotated areas are outlined on all panels.

    Args:
        overview: (height, width, 3) uint8 RGB, all that viewers show of the slide.
        slide: its level-0 size, bounds and resolution.
        predictions: the scores of its tiles.
        areas: of the annotated classes, level-0 pixels.
    Returns:
        One panel more than there are layers (see `slidemill.reporting.layers`), each with the overview's pixels one to
        one.
    Raises:
        PredictionsError: the scores are unusable.
    """
    score = score_slide(predictions)
    extent = predictions.tile_extent
    excluded = excluded_tiles(predictions.coordinates, extent, slide_size=(slide.width, slide.height))

    def numbers_in_picture(coordinates: np.ndarray) -> np.ndarray:
        return tile_numbers(
            to_viewer(coordinates, slide.bounds),
            extent,
            slide_size=slide.shown_size,
            picture_size=(overview.shape[1], overview.shape[0]),
        )

    numbers = numbers_in_picture(predictions.coordinates)
    hatched = hatch_tiles(overview, numbers_in_picture(excluded))
    layers = layers_of(predictions)
    pictures = [overview] + [colour_tiles(hatched, numbers, layer.colours) for layer in layers]
    titles = ["slide", *(_label(layer, score) for layer in layers)]
    return [
        Panel(title, draw_outlines(picture, areas or {}, slide))
        for title, picture in zip(titles, pictures, strict=True)
    ]


def draw_heatmap(panels: Sequence[Panel], slide: SlideFacts, predictions: Predictions, png: Path) -> None:
    """Draw the panels with title, scale bar and colour bar.

    Args:
        panels: from `slide_panels`.
        slide: its level-0 size and resolution.
        predictions: the scores of its tiles.
        png: file to write, atomically.
    """
    legend = _legend(slide, panels[0].picture.shape[1], layers_of(predictions))
    draw_panels(png, predictions.slide_id, _summary(score_slide(predictions)), panels, legend)


def draw_set_aside(overview: np.ndarray | None, slide_id: str, reason: str, png: Path) -> None:
    """Draw why a slide was set aside.

    Args:
        overview: (height, width, 3) uint8 RGB; None where there is none.
        slide_id: the slide.
        reason: why it was set aside.
        png: file to write, atomically.
    """
    panels = [] if overview is None else [Panel("slide", overview)]
    draw_panels(png, slide_id, f"Set aside, not scored: {reason}", panels, None)


def scale_bar(longest: Microns) -> Microns:
    """The greatest of 1, 2, 5, 10, 20, 50, ... um that is not longer than `longest`."""
    power = 10.0 ** math.floor(math.log10(longest))
    return Microns(max(step * power for step in (1, 2, 5) if step * power <= longest))


def _label(layer: Layer, score: SlideScore) -> str:
    return f"{layer.name}, mean {score.scores['mean'][layer.name]:.3f}" if layer.of_class else layer.name


def _summary(score: SlideScore) -> str:
    method = score.deciding("mean")
    name = score.predicted[method]
    what = "score of the slide" if method == "model" else "mean score"
    return f"Highest {what}: {name}, {score.scores[method][name]:.3f} over {score.tile_count} tiles"


def _legend(slide: SlideFacts, width: int, layers: Sequence[Layer]) -> Legend:
    microns_per_px = slide.mpp * slide.shown_size[0] / width
    length = scale_bar(Microns(width * microns_per_px / 3))
    return Legend(
        scale_px=max(1, round(length / microns_per_px)),
        scale_text=_length_text(length),
        colours=colour_bar(max(160, width // 2), max(10, width // 24)),
        colours_text=_meaning(layers),
        note="hatched: excluded, not scored",
    )


def _meaning(layers: Sequence[Layer]) -> str:
    """What the ends of the colour bar are; short, because figures may be narrow."""
    if all(layer.of_class for layer in layers):
        return "score of the class"
    scores = ["score"] if any(layer.of_class for layer in layers) else []
    return "; ".join([*scores, "rank", "attention 1/8 to 8"])


def _length_text(length: Microns) -> str:
    if length >= _MICRONS_PER_MM:
        return f"{length / _MICRONS_PER_MM:g} mm"
    return f"{length:g} µm"
