"""What any file of annotations holds: named regions of a slide, with exact geometries in level-0 pixels."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import shapely

from slidemill.errors import SlidemillError


class AnnotationError(SlidemillError):
    """A file of annotations that cannot be used, with the reason and what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Region:
    """An annotated area.

    Attributes:
        name: its class as the file has it; empty where the file names none.
        area: shapely Polygon or MultiPolygon, valid and not empty, level-0 pixels of OpenSlide, y down.
    """

    name: str
    area: shapely.Geometry


@dataclass(frozen=True, slots=True)
class Mend:
    """An outline that crossed itself or was otherwise invalid, and what mending it did.

    Attributes:
        name: class of the region.
        reason: what was wrong and where, as GEOS tells it: "Self-intersection[3021 889]".
        before: area that the outline encloses as it was drawn, by the shoelace formula, level-0 pixels squared.
        after: area of the mended region; 0 where nothing was left of it.
    """

    name: str
    reason: str
    before: float
    after: float


@dataclass(slots=True)
class Annotations:
    """The content of one file.

    Attributes:
        regions: in the order of the file.
        passed_over: how many objects of each kind without an area there were: "point", "line", ...
        mends: of outlines that were not valid.
    """

    regions: list[Region] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    mends: list[Mend] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The classes that have regions, in the order of their first one."""
        return list(dict.fromkeys(region.name for region in self.regions))

    def remarks(self) -> list[str]:
        """What a reader of the results should know: a line for each kind of object passed over and each mend."""
        lines = [
            f"{count} {kind}(s) without an area were passed over" for kind, count in sorted(self.passed_over.items())
        ]
        lines += [
            f"an outline of '{mend.name}' was mended, {mend.reason}: {mend.before:.0f} -> {mend.after:.0f} pixels²"
            for mend in self.mends
        ]
        return lines


def areas_by_name(regions: Iterable[Region]) -> dict[str, shapely.Geometry]:
    """The union of the regions of each name, in the order of the first of each."""
    by_name: dict[str, list[shapely.Geometry]] = {}
    for region in regions:
        by_name.setdefault(region.name, []).append(region.area)
    return {name: shapely.union_all(areas) for name, areas in by_name.items()}
