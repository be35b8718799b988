"""Deal patients into parts, stratified by the set of labels that a patient has, so that a growing cohort stands still.

Each patient has a home: a number from 0 to 1 that follows from the seed and the patient's id alone. The parts lie side
by side from 0 to 1, as wide as their shares, in the order train, validation, test. In a large cohort most patients are
in the part in which their home lies. Homes alone would keep to the shares by chance only, so in each stratum (patients
with the same set of labels) the border between two parts is put where the stratum's count is its share, rounded down or
up: the nearest such place to the border between the shares. Which strata round up is decided by the sum over all of
them, at the least change.

A patient more, or another label of a patient, therefore moves at most the patients next to a border: of its stratum,
and of those strata that round differently then. Since validation lies between train and test, those move between train
and validation or between validation and test. Only a patient who changes the stratum may go from train to test, where
the borders of two small strata lie far apart.
"""

import bisect
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from slidemill.splits.coverage import give_missing_classes
from slidemill.splits.homes import borders, home

_ROUNDING = 1e-9  # 0.7 * 10 is a little less than 7


def deal_patients(
    labels: Mapping[str, frozenset[str]], shares: Sequence[float], seed: int, pinned: Mapping[str, int] | None = None
) -> dict[str, int]:
    """The part of each patient, by its place in `shares`.

    Args:
        labels: of the slides of each patient.
        shares: of the parts; they add up to 1.
        seed: the config's seed.
        pinned: part of each patient who stays where the sheet says; the others are dealt so that all together come as
            near to the shares as they can.
    """
    pinned = pinned or {}
    parts = [part for part, share in enumerate(shares) if share > 0]
    shares = [shares[part] for part in parts]
    held = {patient: parts.index(part) for patient, part in pinned.items() if part in parts}
    labels = {patient: own for patient, own in labels.items() if patient in held or patient not in pinned}
    homes = {patient: home(seed, "patient", patient) for patient in labels}
    strata = _strata(labels, homes, held, shares)
    for border, nominal in enumerate(borders(shares)):
        _set_border(strata, border, nominal)
    dealt = held | {patient: part for stratum in strata for patient, part in stratum.parts()}
    give_missing_classes(dealt, labels, shares, homes, fixed=held)
    return {patient: parts[part] for patient, part in dealt.items()} | dict(pinned)


@dataclass(slots=True)
class _Stratum:
    """Patients with the same set of labels who are to be dealt.

    Attributes:
        labels: of each of them, sorted.
        patients, homes: in order of home.
        wanted: how many of them the parts up to each border should have, not rounded.
        bounds: how few and how many those may be, for each border.
        counts: how many they have, of the borders that are set.
    """

    labels: tuple[str, ...]
    patients: list[str]
    homes: list[float]
    wanted: list[float]
    bounds: list[tuple[int, int]]
    counts: list[int] = field(default_factory=list)

    def limits(self, border: int) -> tuple[int, int]:
        """The count rounded down and rounded up, within the bounds; no border lies before the one before it."""
        fewest, most = self.bounds[border]
        lower = min(max(math.floor(self.wanted[border] + _ROUNDING), fewest), most)
        upper = min(max(math.ceil(self.wanted[border] - _ROUNDING), fewest), most)
        lower = max(lower, self.counts[border - 1] if border else 0)
        return lower, max(lower, upper)

    def parts(self) -> list[tuple[str, int]]:
        """The part of each patient."""
        return [(patient, bisect.bisect_right(self.counts, place)) for place, patient in enumerate(self.patients)]


def _strata(
    labels: Mapping[str, frozenset[str]], homes: Mapping[str, float], pinned: Mapping[str, int], shares: Sequence[float]
) -> list[_Stratum]:
    free: dict[tuple[str, ...], list[str]] = defaultdict(list)
    held: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0] * len(shares))
    for patient, labels_of_patient in labels.items():
        stratum = tuple(sorted(labels_of_patient))
        if patient in pinned:
            held[stratum][pinned[patient]] += 1
        else:
            free[stratum].append(patient)
    strata = []
    edges = [0.0, *borders(shares), 1.0]
    middles = [0.0, *(sum(part) / 2 for part in list(pairwise(edges))[1:-1]), 1.0]
    for own in sorted(free):
        patients = sorted(free[own], key=lambda patient: (homes[patient], patient))
        at = [homes[patient] for patient in patients]
        wanted = list(accumulate(_still_wanted(len(patients), held[own], shares)))
        bounds = [(0, len(at))] * len(wanted)
        if len(at) * min(shares) < 1 and not any(held[own]):
            # Of so few patients, rounding could take one across a whole part, from train to test. Where no border is
            # put beyond the middle of a part, each patient has two parts at most to be in.
            bounds = list(pairwise(bisect.bisect_left(at, middle) for middle in middles))
        strata.append(_Stratum(own, patients, at, wanted, bounds))
    return strata


def _still_wanted(free: int, held: Sequence[int], shares: Sequence[float]) -> list[float]:
    """How many of the free patients each part should get, so that with those it holds it comes nearest to its share."""
    open_parts = {part for part, share in enumerate(shares) if share > 0}
    while open_parts:
        # A part that holds more than its share gets nobody, and the others share what is left.
        total = free + sum(held[part] for part in open_parts)
        scale = total / sum(shares[part] for part in open_parts)
        full = {part for part in open_parts if held[part] > scale * shares[part] + _ROUNDING}
        if not full:
            break
        open_parts -= full
    return [scale * share - held[part] if part in open_parts else 0.0 for part, share in enumerate(shares)]


def _set_border(strata: Sequence[_Stratum], border: int, nominal: float) -> None:
    """Choose how many patients of each stratum lie before a border; in all as many as wanted, rounded."""
    for stratum in strata:
        lower, upper = stratum.limits(border)
        stratum.counts.append(min(max(bisect.bisect_left(stratum.homes, nominal), lower), upper))
    lacking = round(sum(stratum.wanted[border] for stratum in strata)) - sum(s.counts[border] for s in strata)
    step = 1 if lacking > 0 else -1
    costs = []
    for stratum in strata:
        count = stratum.counts[border]
        lower, upper = stratum.limits(border)
        if lower <= count + step <= upper:
            crossing = stratum.homes[count if step > 0 else count - 1]
            costs.append((step * (crossing - nominal), stratum.labels, stratum))
    for _, _, stratum in sorted(costs, key=lambda cost: cost[:2])[: abs(lacking)]:
        stratum.counts[border] += step
