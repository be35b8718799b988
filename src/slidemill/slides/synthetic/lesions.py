"""Lesions: patches of one architecture within another, with outlines as a pathologist would draw them."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from slidemill.atomic import write_text
from slidemill.seeds import generator
from slidemill.slides.synthetic.fields import Field, around
from slidemill.slides.synthetic.outline import canvas_of, draw_outline
from slidemill.slides.synthetic.recipe import Recipe
from slidemill.units import Microns

GROUP = "lesion"  # of the outlines, where ASAP writes the class

_MOST = 3
_RADIUS_UM = (130.0, 330.0)
_WAVES = (2, 3, 5)  # bumps around an outline
_VERTICES = 180
_FEATHER_UM = 6.0  # one architecture becomes the other over this length
_APART_UM = 40.0


@dataclass(frozen=True, slots=True)
class Lesion:
    """A region around a centre.

    Attributes:
        y, x: the centre, microns from the corner of the scanned area.
        radius_um: mean distance of the outline from the centre.
        waves: (waves, 2) share of the radius and phase of each bump.
    """

    y: float
    x: float
    radius_um: float
    waves: npt.NDArray[np.float64]

    def reach(self, angle: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Distance of the outline from the centre in a direction, microns."""
        bumps = sum(
            share * np.cos(count * angle + phase) for count, (share, phase) in zip(_WAVES, self.waves, strict=True)
        )
        return np.asarray(self.radius_um * (1 + bumps))

    def outline(self) -> npt.NDArray[np.float64]:
        """(vertices, 2), x and y, microns from the corner of the scanned area."""
        angle = np.linspace(0, 2 * np.pi, _VERTICES, endpoint=False)
        reach = self.reach(angle)
        return np.stack([self.x + reach * np.cos(angle), self.y + reach * np.sin(angle)], axis=1)


def draw_lesions(recipe: Recipe, slide_id: str, seed: int, tissue: Field) -> list[Lesion]:
    """Choose places for one to three lesions that do not touch, most of each within the tissue; none without a recipe.

    Args:
        recipe, slide_id, seed: of the slide.
        tissue: cover of the tissue, one cell per micron.
    """
    if recipe.lesion is None:
        return []
    rng = generator(seed, "synthesize", slide_id, "lesions")
    depth = ndimage.distance_transform_edt(tissue > 0.5)
    lesions: list[Lesion] = []
    for _ in range(int(rng.integers(1, _MOST + 1))):
        radius = min(float(rng.uniform(*_RADIUS_UM)), 0.8 * float(depth.max()))
        places = np.argwhere(depth[::8, ::8] >= min(0.6 * radius, float(depth[::8, ::8].max()))) * 8.0
        y, x = places[rng.integers(len(places))] + 0.5
        waves = np.stack([rng.uniform(0.03, 0.12, len(_WAVES)), rng.uniform(0, 2 * np.pi, len(_WAVES))], axis=1)
        lesion = Lesion(float(y), float(x), radius, waves)
        if all(np.hypot(lesion.y - other.y, lesion.x - other.x) > _room(lesion, other) for other in lesions):
            lesions.append(lesion)
    return lesions


def cover_of(lesions: list[Lesion], shape: tuple[int, int]) -> Field:
    """`shape`, one cell per micron: 1 inside a lesion, 0 outside, between at the edge."""
    cover = np.zeros(shape, np.float32)
    for lesion in lesions:
        window, dy, dx = around(shape, lesion.y, lesion.x, round(1.5 * lesion.radius_um))
        depth = lesion.reach(np.arctan2(dy, dx)) - np.hypot(dy, dx)
        np.maximum(cover[window], np.clip(depth / _FEATHER_UM + 0.5, 0, 1), out=cover[window])
    return cover


def lesion_outlines(recipe: Recipe, slide_id: str, seed: int) -> list[npt.NDArray[np.float64]]:
    """The outlines of a drawn slide's lesions: (vertices, 2) each, x and y in level-0 pixels."""
    area = round(recipe.height_mm * 1000), round(recipe.width_mm * 1000)
    tissue = draw_outline(generator(seed, "synthesize", slide_id, "outline"), area, canvas_of(area))
    scale = recipe.mpp.slide_pixels(Microns(1000)) / 1000
    return [lesion.outline() * scale for lesion in draw_lesions(recipe, slide_id, seed, tissue)]


def write_lesions(path: Path, *, recipe: Recipe, slide_id: str, seed: int) -> None:
    """Write the outlines of a drawn slide's lesions as ASAP writes annotations, of the group "lesion".

    Args:
        path: the XML file, written whole or not at all.
        recipe, slide_id, seed: as for `synthesize_slide`.
    """
    root = ElementTree.Element("ASAP_Annotations")
    annotations = ElementTree.SubElement(root, "Annotations")
    for number, outline in enumerate(lesion_outlines(recipe, slide_id, seed)):
        drawn = {"Name": f"Annotation {number}", "Type": "Polygon", "PartOfGroup": GROUP, "Color": "#F4FA58"}
        coordinates = ElementTree.SubElement(ElementTree.SubElement(annotations, "Annotation", drawn), "Coordinates")
        for order, (x, y) in enumerate(outline):
            place = {"Order": str(order), "X": f"{x:.2f}", "Y": f"{y:.2f}"}
            ElementTree.SubElement(coordinates, "Coordinate", place)
    ElementTree.indent(root)
    write_text(path, ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n")


def _room(one: Lesion, other: Lesion) -> float:
    return 1.3 * (one.radius_um + other.radius_um) + _APART_UM
