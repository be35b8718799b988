"""Give each part a patient of each class, where there are enough."""

from collections import Counter
from collections.abc import Collection, Mapping, MutableMapping, Sequence

from slidemill.splits.homes import distance


def give_missing_classes(
    dealt: MutableMapping[str, int],
    labels: Mapping[str, frozenset[str]],
    shares: Sequence[float],
    homes: Mapping[str, float],
    fixed: Collection[str],
) -> None:
    """Move patients, in place, until no part lacks a class that another part could give.

    In cohorts of more than a few dozen patients of each class nobody is moved. Of the patients who could be moved
    without taking a class from their part, it is the one whose home lies nearest to the part that lacks the class.

    Args:
        dealt: the part of each patient.
        labels: of the slides of each patient.
        shares: of the parts, all above 0.
        homes: where each patient is at home, from 0 to 1.
        fixed: patients who stay.
    """
    counts = Counter((part, label) for patient, part in dealt.items() for label in labels[patient])
    totals = Counter(label for own in labels.values() for label in own)
    for label in sorted(totals, key=lambda label: (totals[label], label)):
        for part in range(len(shares)):
            if counts[part, label]:
                continue
            candidates = [
                (distance(homes[patient], part, shares), patient)
                for patient in dealt
                if label in labels[patient]
                and patient not in fixed
                and all(counts[dealt[patient], own] > 1 for own in labels[patient])
            ]
            if candidates:
                _, patient = min(candidates)
                counts.subtract((dealt[patient], own) for own in labels[patient])
                dealt[patient] = part
                counts.update((part, own) for own in labels[patient])
