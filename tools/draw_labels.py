"""Draw the labels of a slide's tiles and the outlines from which they are. It made a picture under docs/images.

python tools/draw_labels.py RESULTS SLIDE OUT.png
"""

import json
from pathlib import Path

import click
import numpy as np
import shapely
from PIL import Image, ImageDraw

from slidemill.annotations.decide import NO_LABEL, LabelRule, tile_classes
from slidemill.annotations.outlines_file import read_outlines
from slidemill.annotations.place import viewer_origin
from slidemill.annotations.store import labels_path, read_labels
from slidemill.reporting.palette import class_colour
from slidemill.tiling.store import read_store, store_paths

_SIDE_PX = 1000
_AMBIGUOUS = "#f0e442"


@click.command(help=__doc__)
@click.argument("results", type=Path)
@click.argument("slide_id")
@click.argument("out", type=Path)
def main(results: Path, slide_id: str, out: Path) -> None:
    """Read a slide of a finished run, and draw its labels by the run's config."""
    config = json.loads((results / "config.json").read_text(encoding="utf-8"))
    labels = read_labels(labels_path(results / "labels", slide_id))
    rule = LabelRule(*(config["labels"][key] for key in ("at_least", "rest", "rest_at_most")))
    store = read_store(store_paths(results / "tiles", slide_id)[1])
    facts = store.summary.slide
    if facts is None:
        raise click.ClickException(store.summary.reason)
    height, width = store.thumbnail.shape[:2]
    factor = _SIDE_PX / max(height, width)
    picture = Image.fromarray(store.thumbnail).resize((round(width * factor), round(height * factor)))
    scale = picture.width / facts.width
    pen = ImageDraw.Draw(picture)
    classes = tile_classes(labels, config["classes"], rule).tolist()
    for (x, y), number in zip(store.coordinates.tolist(), classes, strict=True):
        colour = _AMBIGUOUS if number == NO_LABEL else class_colour(number)
        corners = (np.array([x, y, x + labels.tile_extent, y + labels.tile_extent]) * scale + [1, 1, -1, -1]).tolist()
        pen.rectangle(corners, outline=colour, width=3)
    for area in read_outlines(results / "outlines" / f"{slide_id}.geojson", viewer_origin(facts)).values():
        for part in shapely.get_parts(area):
            for ring in (part.exterior, *part.interiors):
                pen.line((shapely.get_coordinates(ring) * scale).ravel().tolist(), fill="black", width=4)
    picture.quantize(128).save(out, optimize=True)


if __name__ == "__main__":
    main()
