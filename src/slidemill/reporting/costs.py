"""What a run took: time and memory of the jobs of each rule, from Snakemake's benchmark files."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RuleCost:
    """The jobs of one rule.

    Attributes:
        rule: its name, which is that of its file or folder.
        jobs: how many.
        seconds: of all jobs together.
        longest_seconds: of the longest job.
        memory_mb: greatest resident memory of a job in MB; None where every job was too short to measure it.
    """

    rule: str
    jobs: int
    seconds: float
    longest_seconds: float
    memory_mb: float | None


def rule_costs(places: Iterable[Path]) -> list[RuleCost]:
    """The cost of each rule, in alphabetical order; of a rule without benchmark files nothing is told.

    Args:
        places: for each rule its benchmark file, {rule}.tsv, or the folder of those of its jobs, {rule}/.
    """
    jobs: dict[str, list[tuple[float, float | None]]] = {}
    for place in places:
        files = sorted(place.rglob("*.tsv")) if place.is_dir() else [place]
        for path in filter(Path.exists, files):
            jobs.setdefault(place.name.removesuffix(".tsv"), []).extend(_jobs(path))
    return [_cost(rule, found) for rule, found in sorted(jobs.items()) if found]


def _jobs(path: Path) -> Iterator[tuple[float, float | None]]:
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            yield float(row["s"]), _number(row["max_rss"])


def _number(text: str) -> float | None:
    return None if text in ("-", "NA", "") else float(text)


def _cost(rule: str, jobs: list[tuple[float, float | None]]) -> RuleCost:
    seconds = [job_seconds for job_seconds, _ in jobs]
    memory = [job_memory for _, job_memory in jobs if job_memory is not None]
    return RuleCost(rule, len(jobs), sum(seconds), max(seconds), max(memory, default=None))
