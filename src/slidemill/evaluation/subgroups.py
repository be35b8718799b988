"""Parts of the test slides: by site, by scanner, and frozen or paraffin sections."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from slidemill.evaluation.metrics import subgroup_metrics
from slidemill.evaluation.samples import Samples
from slidemill.evaluation.slides_table import SlideRow
from slidemill.tiling.store import SlideFacts

Preparation = Literal["frozen", "FFPE", "unknown"]

UNKNOWN = "unknown"
# Source: the GDC's "TCGA Barcode" page: TS, BS and MS are top, bottom and middle sections of frozen tissue, DX are
# diagnostic slides of tissue fixed in formalin and embedded in paraffin.
_SECTION = re.compile(r"TCGA-\w\w-\w{4}-\d\d[A-Z]-\d\d-(?P<section>TS|BS|MS|DX)")


def preparation(slide_id: str) -> Preparation:
    """How the tissue of a slide was prepared, where a TCGA barcode says it."""
    match = _SECTION.match(slide_id)
    if match is None:
        return "unknown"
    return "FFPE" if match["section"] == "DX" else "frozen"


def scanner(slide: SlideFacts | None) -> str:
    """Vendor and objective power of the scanner, such as "aperio 40x"."""
    if slide is None:
        return UNKNOWN
    power = f" {slide.objective_power:g}x" if slide.objective_power else ""
    return f"{slide.vendor or UNKNOWN}{power}"


def subgroups(rows: Sequence[SlideRow], samples: Samples, facts: Mapping[str, SlideFacts | None]) -> dict[str, Any]:
    """Metrics of each site, scanner and preparation; a division that is the same for all slides is given as well.

    Args:
        rows: the scored slides.
        samples: the same slides, in the same order.
        facts: of each slide's file, by slide_id.
    """
    divisions: dict[str, Sequence[str]] = {
        "site": [row.site or UNKNOWN for row in rows],
        "scanner": [scanner(facts[row.slide_id]) for row in rows],
        "preparation": [preparation(row.slide_id) for row in rows],
    }
    patients = np.array([row.patient_id for row in rows], dtype=np.str_)
    return {name: _parts(values, samples, patients) for name, values in divisions.items()}


def _parts(values: Sequence[str], samples: Samples, patients: np.ndarray) -> dict[str, Any]:
    names = np.array(values, dtype=np.str_)
    return {name: _part(samples.take(names == name), patients[names == name]) for name in sorted(set(values))}


def _part(samples: Samples, patients: np.ndarray) -> dict[str, Any]:
    return {
        "slides": len(samples),
        "patients": len(set(patients.tolist())),
        "slides_per_class": {name: int(samples.is_true(n).sum()) for n, name in enumerate(samples.classes)},
        **subgroup_metrics(samples),
    }
