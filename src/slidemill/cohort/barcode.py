"""TCGA barcodes: who the patient is, which site sent the sample, and whether it is tumour.

Source: the GDC's "TCGA Barcode" page; TCGA-XX-YYYY is the patient, XX the tissue source site, and the two digits of the
sample part are 01-09 for tumour, 10-19 for normal and 20-29 for control samples.
"""

import re
from dataclasses import dataclass

_BARCODE = re.compile(r"TCGA-(?P<site>[0-9A-Z]{2})-(?P<participant>[0-9A-Z]{4})(?:-(?P<sample>[0-9]{2})[A-Z])?")
_NORMAL_SAMPLES = range(10, 20)


@dataclass(frozen=True, slots=True)
class Barcode:
    """The parts of a TCGA barcode that a cohort needs.

    Attributes:
        patient: such as "TCGA-05-4244".
        site: tissue source site, such as "05".
        sample: sample type, 1 to 29; None for a barcode that names a patient only.
    """

    patient: str
    site: str
    sample: int | None

    @property
    def is_normal(self) -> bool:
        """Whether the sample is normal tissue."""
        return self.sample in _NORMAL_SAMPLES


def parse_barcode(slide_id: str) -> Barcode | None:
    """The barcode with which a slide's name begins; None for other names."""
    match = _BARCODE.match(slide_id)
    if match is None:
        return None
    sample = match["sample"]
    return Barcode(
        patient=f"TCGA-{match['site']}-{match['participant']}",
        site=match["site"],
        sample=None if sample is None else int(sample),
    )
