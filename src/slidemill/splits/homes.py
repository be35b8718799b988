"""Where a patient or a site is at home: a place from 0 to 1 that nothing else in the cohort changes.

The parts lie side by side from 0 to 1, as wide as their shares, in the order train, validation, test: so who has to
leave train is nearest to validation.
"""

from collections.abc import Sequence
from itertools import accumulate

from slidemill.seeds import number


def home(seed: int, *name: str) -> float:
    """Uniform from 0 to 1, from the seed and a name such as ("patient", patient_id)."""
    return number(seed, "home", *name) / 2**63


def borders(shares: Sequence[float]) -> list[float]:
    """Where the parts end, without the last."""
    return list(accumulate(shares))[:-1]


def distance(place: float, part: int, shares: Sequence[float]) -> float:
    """How far a home lies from a part; 0 in the part itself."""
    start, end = sum(shares[:part]), sum(shares[: part + 1])
    return max(start - place, place - end, 0.0)
