"""Deal whole tissue source sites into parts, so that no site is in two splits.

Why: slides of a site look alike (staining, scanner, handling), models recognise sites, and with a site in train and
test they seem better than they are: Howard et al. 2021, Nature Communications 12:4423, "The impact of site-specific
digital histology signatures on deep learning model accuracy and bias". As there, sites stay whole and the classes are
balanced as well as whole sites allow.

How: each site has a home, as patients have (`slidemill.splits.patients`). Large sites choose first, in steps of a
factor of two, so that a patient more seldom changes the order: the part in which the home lies, or the nearest that has
room left for the site's patients of each class. Then sites are moved and swapped, those with fewest patients for the
gain first, until each part has its share of each class's patients within a tolerance, or no change helps. Nothing is
improved beyond the tolerance, because each improvement hangs on every number of the cohort, and a patient more would
undo it. All numbers are integers, so that every machine finds the same.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from slidemill.seeds import generator
from slidemill.splits.homes import distance, home

_STARTS = 12
_WHOLE = 1_000_000  # shares are counted in millionths
_SLACK = 10_000  # by so much a part may be too full while sites choose
_TOLERANCE = 20_000  # for a part that is the whole; less for smaller ones, by the square root of their share
_LACKING = 3 * 10**16  # cost of a part without a class: more than any imbalance
_AT_ONCE = 150  # so many of the smallest sites are tried in pairs


def deal_sites(
    patients: Mapping[str, Sequence[int]],
    shares: Sequence[float],
    seed: int,
    pinned: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """The part of each site, by its place in `shares`.

    Args:
        patients: how many patients each site has, of each class and, at last, in all.
        shares: of the parts; they add up to 1.
        seed: the config's seed.
        pinned: part of each site that stays where the sheet says; the others are dealt so that all together come near
            to the shares.
    """
    pinned = pinned or {}
    sites = sorted(patients)
    free = np.array([site not in pinned for site in sites], bool)
    balance = _Balance(np.array([patients[site] for site in sites], np.int64), shares)
    assigned = np.array([pinned.get(site, -1) for site in sites], np.int64)
    _choose(sites, assigned, [home(seed, "site", site) for site in sites], balance)
    best_cost, best = _settle(assigned, free, balance), assigned
    # Of few sites a part may lack a class where moves and swaps cannot help: then other beginnings are tried.
    for start in range(1, _STARTS):
        if best_cost < _LACKING:
            break
        dealt = generator(seed, "sites", start).choice(balance.parts, size=len(sites))
        assigned = np.where(free, dealt, best)
        cost = _settle(assigned, free, balance)
        if cost < best_cost:
            best_cost, best = cost, assigned
    return dict(zip(sites, best.tolist(), strict=True))


class _Balance:
    """What an assignment costs.

    Args:
        counts: (sites, columns), patients of each class and in all.
        shares: of the parts.

    Attributes:
        parts: those with a share.
        shares: of all parts.
    """

    def __init__(self, counts: np.ndarray, shares: Sequence[float]) -> None:
        self.counts = counts
        self.shares = shares
        self.parts = [part for part, share in enumerate(shares) if share > 0]
        self._totals = np.maximum(counts.sum(axis=0), 1)
        self._wanted = np.array([round(share * _WHOLE) for share in shares], np.int64)[:, None]
        # A difference weighs more in a small part.
        self._weights = np.array([round(4 / max(share, 0.01)) for share in shares], np.int64)[:, None]
        self._tolerance = np.array([round(_TOLERANCE * math.sqrt(share)) for share in shares], np.int64)[:, None]

    def sums(self, assigned: np.ndarray) -> np.ndarray:
        """(parts, columns): what each part has of the sites that are assigned."""
        sums = np.zeros((len(self.shares), self.counts.shape[1]), np.int64)
        np.add.at(sums, assigned[assigned >= 0], self.counts[assigned >= 0])
        return sums

    def excess(self, sums: np.ndarray) -> np.ndarray:
        """How much more than its share each part has of each column, in millionths of the column."""
        return np.asarray(sums * _WHOLE // self._totals - self._wanted)

    def cost(self, sums: np.ndarray) -> np.ndarray:
        """Cost for (..., parts, columns) sums."""
        lacking = (sums == 0) & (self._wanted > 0)
        return (self.excess(sums) ** 2 * self._weights + _LACKING * lacking).sum(axis=(-1, -2))

    def is_good(self, sums: np.ndarray) -> np.ndarray:
        """Whether (..., parts, columns) sums are within the tolerance, and no part lacks a class."""
        lacking = (sums == 0) & (self._wanted > 0)
        return ((np.abs(self.excess(sums)) <= self._tolerance) & ~lacking).all(axis=(-1, -2))


def _choose(sites: Sequence[str], assigned: np.ndarray, homes: Sequence[float], balance: _Balance) -> None:
    """Assign the sites that are not, in place: each to the part nearest to its home that has room."""
    sums = balance.sums(assigned)
    size = balance.counts[:, -1]
    order = sorted(
        np.flatnonzero(assigned < 0).tolist(),
        key=lambda site: (-int(size[site]).bit_length(), homes[site], sites[site]),
    )
    for site in order:
        excess = balance.excess(sums + balance.counts[site])
        too_full = {part: max(int(excess[part].max()) - _SLACK, 0) for part in balance.parts}
        part = min(balance.parts, key=lambda part: (too_full[part], distance(homes[site], part, balance.shares)))
        assigned[site] = part
        sums[part] += balance.counts[site]


def _settle(assigned: np.ndarray, free: np.ndarray, balance: _Balance) -> int:
    """Move sites in place, one or two at a time, until parts are near enough to their shares; the cost in the end."""
    sums = balance.sums(assigned)
    while not balance.is_good(sums):
        change = _best_change(assigned, free, sums, balance)
        if change is None:
            break
        for site, part in change:
            assigned[site] = part
        sums = balance.sums(assigned)
    return int(balance.cost(sums))


def _best_change(
    assigned: np.ndarray, free: np.ndarray, sums: np.ndarray, balance: _Balance
) -> list[tuple[int, int]] | None:
    """The one or two moves that make all good, with the fewest patients; else those that gain most for a patient."""
    moves = _Moves(assigned, free, balance)
    cost = int(balance.cost(sums))
    best: tuple[float, list[int]] | None = None
    for first in range(len(moves.sites)):
        # The first alone, and with each later one of another site.
        others = np.flatnonzero(moves.sites[first + 1 :] != moves.sites[first]) + first + 1
        others = others[others < moves.in_pairs] if first < moves.in_pairs else others[:0]
        after = np.concatenate([(sums + moves.change(first))[None], sums + moves.change(first) + moves.change(others)])
        patients = moves.patients[first] + np.concatenate([[0], moves.patients[others]])
        gain = cost - balance.cost(after)
        # Any change that makes all good is better than all others: 2 / patients is then above every gain / cost.
        value = np.where(balance.is_good(after), 2 / patients, gain / (cost + 1) / patients / (10 * len(assigned) + 1))
        place = int(np.argmax(np.where(gain > 0, value, -np.inf)))
        if gain[place] > 0 and (best is None or value[place] > best[0]):
            best = float(value[place]), [first, *others[place - 1 : place].tolist()] if place else [first]
    return None if best is None else [(int(moves.sites[move]), int(moves.parts[move])) for move in best[1]]


class _Moves:
    """All moves of a site to another part, those of small sites first.

    Attributes:
        sites, parts: (moves,), which site goes to which part.
        patients: how many patients go; they count twice where a part is skipped, as from train to test.
        in_pairs: so many moves, from the first on, are tried in pairs.
    """

    def __init__(self, assigned: np.ndarray, free: np.ndarray, balance: _Balance) -> None:
        size = balance.counts[:, -1]
        order = np.flatnonzero(free)[np.argsort(size[free], kind="stable")]
        pairs = [(site, part) for site in order for part in balance.parts if part != assigned[site]]
        self.sites = np.array([site for site, _ in pairs], np.int64)
        self.parts = np.array([part for _, part in pairs], np.int64)
        self._from = assigned[self.sites]
        self._counts = balance.counts[self.sites]
        self._shape = (len(balance.shares), balance.counts.shape[1])
        self.patients = size[self.sites] * np.where(np.abs(self.parts - self._from) > 1, 2, 1)
        self.in_pairs = _AT_ONCE * (len(balance.parts) - 1)

    def change(self, moves: np.ndarray | int) -> np.ndarray:
        """(moves, parts, columns), or (parts, columns) for one: what they change of the sums."""
        chosen = np.atleast_1d(moves)
        change = np.zeros((len(chosen), *self._shape), np.int64)
        rows = np.arange(len(chosen))
        change[rows, self._from[chosen]] -= self._counts[chosen]
        change[rows, self.parts[chosen]] += self._counts[chosen]
        return change if np.ndim(moves) else change[0]
