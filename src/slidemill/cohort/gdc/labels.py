"""The label of a slide, from its barcode and its project."""

import re

from slidemill.cohort.barcode import Barcode, parse_barcode
from slidemill.cohort.gdc.query import ListedFile
from slidemill.cohort.gdc.selection import SECTIONS, Section, Selection
from slidemill.cohort.sheet import NORMAL

SLIDE_SUFFIX = ".svs"  # of all slides at the GDC; annotations of a slide are called NAME.svs.annotations.txt

_TUMOUR_SAMPLES = range(1, 10)
_NORMAL_SAMPLES = range(10, 20)
# TS, MS and BS: top, middle and bottom of a frozen block; DX: formalin-fixed and paraffin-embedded, for the diagnosis.
_SECTION = re.compile(r"TCGA-[^.]*-(?:(?P<frozen>[TMB]S)|(?P<ffpe>DX))[0-9A-Z]*(?:\.|$)")


class LeftOutError(Exception):
    """A slide that does not belong to the cohort; the message says why."""


def label_of(listed: ListedFile, selection: Selection) -> str:
    """The class of a slide.

    Raises:
        LeftOutError: it has none in this cohort, or what is known of it contradicts itself.
    """
    if not listed.file.filename.endswith(SLIDE_SUFFIX):
        raise LeftOutError(f"it is no slide: its name does not end in {SLIDE_SUFFIX}")
    barcode = parse_barcode(listed.file.filename)
    if barcode is None or barcode.sample is None:
        raise LeftOutError("its name holds no TCGA barcode of a sample")
    section = section_of(listed.file.filename)
    if section not in selection.sections:
        raise LeftOutError(f"{section or 'unknown'} sections are not in select.sections")
    if listed.project is None:
        raise LeftOutError(f"nobody says which project it is of (site {barcode.site})")
    if listed.project not in selection.projects:
        raise LeftOutError(f"it is of {listed.project}, which is not in select.projects")
    tissue = _tissue(barcode)
    if listed.tissue_type in ("Tumor", "Normal") and listed.tissue_type != tissue:
        raise LeftOutError(f"sample type {barcode.sample:02} means {tissue}, the GDC says {listed.tissue_type}")
    label = selection.projects[listed.project] if tissue == "Tumor" else NORMAL
    if label not in selection.classes:
        raise LeftOutError(f"'{label}' is none of the classes")
    return label


def section_of(filename: str) -> Section | None:
    """How the slide was made, from its barcode."""
    match = _SECTION.match(filename)
    return next((section for section in SECTIONS if match[section]), None) if match else None


def _tissue(barcode: Barcode) -> str:
    if barcode.sample in _TUMOUR_SAMPLES:
        return "Tumor"
    if barcode.sample in _NORMAL_SAMPLES:
        return "Normal"
    raise LeftOutError(f"sample type {barcode.sample:02} is neither tumour (01-09) nor normal tissue (10-19)")
