"""Deal patients into parts, stratified by the set of labels that a patient has."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from slidemill.seeds import generator


def deal_patients(labels: Mapping[str, frozenset[str]], shares: Sequence[float], seed: int) -> dict[str, int]:
    """The part of each patient, by its place in `shares`.

    Patients with the same set of labels form a stratum; each stratum is shuffled and dealt in proportion to the shares,
    and what rounding leaves over is carried on to the next stratum, so that the whole keeps to the shares too.

    Args:
        labels: of the slides of each patient.
        shares: of the parts; they add up to 1.
        seed: the config's seed.
    """
    dealt: dict[str, int] = {}
    wanted = (np.array(shares) > 0).astype(int)
    carried = np.zeros(len(shares))
    for stratum, patients in sorted(_strata(labels).items()):
        shuffled = generator(seed, "split", *stratum).permutation(sorted(patients)).tolist()
        ideal = np.array(shares) * len(shuffled) + carried
        # A stratum with a patient for each part gives one to each, so that small cohorts keep their classes.
        least = wanted if len(shuffled) >= wanted.sum() else np.zeros_like(wanted)
        counts = _whole_counts(ideal, len(shuffled), least)
        carried = ideal - counts
        dealt |= dict(zip(shuffled, np.repeat(np.arange(len(shares)), counts).tolist(), strict=True))
    return dealt


def _strata(labels: Mapping[str, frozenset[str]]) -> dict[tuple[str, ...], list[str]]:
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for patient, own in labels.items():
        strata[tuple(sorted(own))].append(patient)
    return strata


def _whole_counts(ideal: np.ndarray, total: int, least: np.ndarray) -> np.ndarray:
    """Whole numbers which add up to `total`, each near its ideal (largest remainders first) and none below `least`."""
    counts = np.maximum(np.floor(ideal + 1e-9).astype(int), least)
    while counts.sum() > total:
        counts[np.argmin(np.where(counts > least, ideal - counts, np.inf))] -= 1
    while counts.sum() < total:
        counts[np.argmax(ideal - counts)] += 1
    return counts
