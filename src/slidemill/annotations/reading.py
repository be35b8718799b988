"""One way to read annotations, whichever program wrote them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slidemill.annotations.asap import ROOT as ASAP_ROOT
from slidemill.annotations.asap import read_asap
from slidemill.annotations.imagescope import ROOT as IMAGESCOPE_ROOT
from slidemill.annotations.imagescope import read_imagescope, stated_mpp
from slidemill.annotations.mask import read_mask
from slidemill.annotations.ncrf import is_ncrf, read_ncrf
from slidemill.annotations.place import AnnotatedSlide, check_place
from slidemill.annotations.qupath import is_geojson, read_qupath
from slidemill.annotations.regions import AnnotationError, Annotations
from slidemill.slides.xml_text import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_FORMATS = "ASAP XML, ImageScope XML, QuPath GeoJSON, NCRF JSON and mask TIFF"
_MOST_BYTES = 2**30  # a text of annotations; 30 million vertices
_MPP_TOLERANCE = 0.05
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_annotations(path: Path, slide: AnnotatedSlide) -> Annotations:
    """Read the regions of a file, in level-0 pixels of OpenSlide, and check that they are of this slide.

    Raises:
        AnnotationError: the file is missing, damaged, hostile or of an unknown format, or does not fit the slide.
    """
    try:
        annotations = _read(path, slide)
    except FileNotFoundError:
        raise AnnotationError(path, "there is no such file. Correct 'annotation' in the slide sheet.") from None
    except IsADirectoryError:
        raise AnnotationError(path, "this is a folder. Give the file of the slide in 'annotation'.") from None
    except RecursionError:
        raise AnnotationError(path, "its content is nested too deeply for annotations. Export it again.") from None
    except ValueError as error:
        raise AnnotationError(path, f"{error}. Export the annotations again, or correct the file.") from error
    check_place(path, annotations, slide)
    return annotations


def _read(path: Path, slide: AnnotatedSlide) -> Annotations:
    with path.open("rb") as file:
        start = file.read(512)
    if start[:4] in _TIFF:
        return read_mask(path, slide.width, slide.height)
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"it has {path.stat().st_size} bytes, more than any annotations")
    text = _text(path)
    first = text.lstrip()[:1]
    if first == "<":
        return _read_xml(text, slide)
    if first in ("{", "["):
        return _read_json(text, slide)
    raise ValueError(f"its format is unknown; read are {_FORMATS}")


def _text(path: Path) -> str:
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError(f"its format is unknown; read are {_FORMATS}") from None


def _read_xml(text: str, slide: AnnotatedSlide) -> Annotations:
    root = parse_xml(text)
    if root is None:
        raise ValueError("its XML is damaged, or declares entities, which annotations do not need")
    if root.tag == ASAP_ROOT:
        return read_asap(root)
    if root.tag == IMAGESCOPE_ROOT:
        _check_mpp(root, slide)
        return read_imagescope(root)
    raise ValueError(f"its XML begins with <{root.tag[:40]}>; read are {_FORMATS}")


def _check_mpp(root: "Element", slide: AnnotatedSlide) -> None:
    mpp = stated_mpp(root)
    if mpp is not None and abs(mpp / slide.mpp - 1) > _MPP_TOLERANCE:
        raise ValueError(
            f"it was drawn on a slide of {mpp:g} microns per pixel and this one has {slide.mpp:g}: it is of "
            "another slide"
        )


def _read_json(text: str, slide: AnnotatedSlide) -> Annotations:
    try:
        content: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"its JSON is damaged ({error})") from None
    if is_ncrf(content):
        return read_ncrf(content)
    if is_geojson(content):
        return read_qupath(content, slide.origin)
    raise ValueError(f"its JSON is no annotation; read are {_FORMATS}")
