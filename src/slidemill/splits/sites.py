"""Deal whole tissue source sites into parts, so that no site is in two splits.

Why: slides of a site look alike (staining, scanner, handling), models recognise sites, and with a site in train and
test they seem better than they are: Howard et al. 2021, Nature Communications 12:4423, "The impact of site-specific
digital histology signatures on deep learning model accuracy and bias". As there, sites stay whole and the classes are
balanced as well as whole sites allow.

How: the cost of an assignment is the sum of squares, over splits and classes (and all patients together), of the
difference between the share of the class's patients that the split has and the share that it should have. Sites are
moved from split to split, and swapped between splits, as long as the cost falls; this starts from several random
assignments that follow from the seed, and the best end wins. All numbers are integers, so that every machine finds the
same. A split without a class costs more than any imbalance.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from slidemill.seeds import generator

_STARTS = 12
_WHOLE = 1_000_000  # shares are counted in millionths
_LACKING = 10 * _WHOLE**2  # cost of a split without a class


def deal_sites(patients: Mapping[str, Sequence[int]], shares: Sequence[float], seed: int) -> dict[str, int]:
    """The part of each site, by its place in `shares`.

    Args:
        patients: how many patients each site has, of each class and, at last, in all.
        shares: of the parts; they add up to 1.
        seed: the config's seed.
    """
    sites = sorted(patients)
    balance = _Balance(np.array([patients[site] for site in sites], np.int64), shares)
    best_cost, best = None, np.zeros(len(sites), np.int64)
    for start in range(_STARTS):
        rng = generator(seed, "sites", start)
        assigned = rng.choice(len(shares), size=len(sites), p=np.array(shares) / sum(shares))
        cost = _improve(assigned, balance)
        if best_cost is None or cost < best_cost:
            best_cost, best = cost, assigned.copy()
    return dict(zip(sites, best.tolist(), strict=True))


class _Balance:
    """What an assignment costs.

    Args:
        counts: (sites, columns), patients of each class and in all.
        shares: of the splits.
    """

    def __init__(self, counts: np.ndarray, shares: Sequence[float]) -> None:
        self.counts = counts
        self._totals = np.maximum(counts.sum(axis=0), 1)
        self._wanted = np.array([round(share * _WHOLE) for share in shares], np.int64)

    def sums(self, assigned: np.ndarray) -> np.ndarray:
        """(splits, columns): what each split has."""
        sums = np.zeros((len(self._wanted), self.counts.shape[1]), np.int64)
        np.add.at(sums, assigned, self.counts)
        return sums

    def cost(self, sums: np.ndarray) -> np.ndarray:
        """Cost for (..., splits, columns) sums."""
        shares = sums * _WHOLE // self._totals
        imbalance = (shares - self._wanted[:, None]) ** 2
        lacking = (sums == 0) & (self._wanted[:, None] > 0)
        return (imbalance + _LACKING * lacking).sum(axis=(-1, -2))


def _improve(assigned: np.ndarray, balance: _Balance) -> int:
    """Move and swap sites in place as long as the cost falls; the cost in the end."""
    sums = balance.sums(assigned)
    cost = int(balance.cost(sums))
    improved = True
    while improved:
        improved = False
        for site in range(len(assigned)):
            found, move = _best_change(site, assigned, sums, balance)
            if found < cost:
                cost, improved = found, True
                for place, split in move:
                    assigned[place] = split
                sums = balance.sums(assigned)
    return cost


def _best_change(
    site: int, assigned: np.ndarray, sums: np.ndarray, balance: _Balance
) -> tuple[int, list[tuple[int, int]]]:
    """The best of all moves of a site to another split and all swaps with a site of another split."""
    here = int(assigned[site])
    splits = np.array([split for split in range(len(sums)) if split != here])
    partners = np.flatnonzero(assigned != here)
    there = np.concatenate([splits, assigned[partners]])
    back = np.concatenate([np.zeros((len(splits), sums.shape[1]), np.int64), balance.counts[partners]])
    candidates = np.repeat(sums[None], len(there), axis=0)
    rows = np.arange(len(there))
    candidates[:, here] += back - balance.counts[site]
    candidates[rows, there] += balance.counts[site] - back
    costs = balance.cost(candidates)
    best = int(np.argmin(costs))
    move = [(site, int(there[best]))]
    if best >= len(splits):
        move.append((int(partners[best - len(splits)]), here))
    return int(costs[best]), move
