"""What the XML in Philips' TIFF files tells of a slide.

Their images are padded to whole tiles, so that the sides of a level and those of the first one do not tell by how much
it is smaller. The pixel spacings in the XML do; what lies beyond the first level's sides over that is padding.

Source: https://openslide.org/formats/philips/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slidemill.slides.xml_text import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_HIGHEST_POWER = 200  # of an objective; what is greater in its place is no power


@dataclass(frozen=True, slots=True)
class PhilipsFacts:
    """What is stated.

    Attributes:
        um_per_px: microns per level-0 pixel along x and y; None where it is not stated.
        objective_power: magnification of the scan; None where it is not stated.
        downsamples: for each level, in the order of the file, how many level-0 pixels lie along the side of a pixel.
    """

    um_per_px: tuple[float, float] | None
    objective_power: float | None
    downsamples: tuple[int, ...]


def philips_facts(description: str) -> PhilipsFacts | None:
    """Read the description of a file's first image; None where it is not what Philips' files are known to hold."""
    if "DPUfsImport" not in description[:4096]:
        return None
    root = parse_xml(description)
    if root is None or root.tag != "DataObject" or root.get("ObjectType") != "DPUfsImport":
        return None
    images = [image for image in _objects(root, "PIM_DP_SCANNED_IMAGES") if _text(image, "PIM_DP_IMAGE_TYPE") == "WSI"]
    if len(images) != 1:
        return None
    levels = _objects(images[0], "PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE")
    spacings = [_spacing_mm(_text(level, "DICOM_PIXEL_SPACING")) for level in levels]
    known = [spacing for spacing in spacings if spacing is not None]
    if not known or len(known) != len(spacings):
        return None
    own = _spacing_mm(_text(images[0], "DICOM_PIXEL_SPACING"))
    return PhilipsFacts(
        um_per_px=None if own is None else (1e3 * own[0], 1e3 * own[1]),
        objective_power=_objective_power(_text(images[0], "DICOM_DERIVATION_DESCRIPTION")),
        downsamples=(1, *(round((x / known[0][0] + y / known[0][1]) / 2) for x, y in known[1:])),
    )


def _objects(parent: "Element", name: str) -> Iterator["Element"]:
    """The objects in an array of an object."""
    return (found for attribute in _attributes(parent, name) for found in attribute.findall("Array/DataObject"))


def _text(parent: "Element", name: str) -> str:
    return next((attribute.text or "" for attribute in _attributes(parent, name)), "")


def _attributes(parent: "Element", name: str) -> Iterator["Element"]:
    return (attribute for attribute in parent.findall("Attribute") if attribute.get("Name") == name)


def _spacing_mm(text: str) -> tuple[float, float] | None:
    """Spacing along x and y; the text holds that of rows, then that of columns, in quotes."""
    try:
        down, across = (float(part.strip('" ')) for part in text.split())
    except ValueError:
        return None
    return (across, down) if across > 0 and down > 0 else None


def _objective_power(derivation: str) -> float | None:
    """The first of the "levels" in a text such as "tiff-useBigTIFF=1-levels=20,10003,...-sourceFilename=..."."""
    for item in derivation.split("sourceFilename", maxsplit=1)[0].split("-"):
        key, _, value = item.partition("=")
        first = value.split(",", maxsplit=1)[0]
        if key == "levels" and first.isdigit() and 0 < int(first) <= _HIGHEST_POWER:
            return float(first)
    return None
