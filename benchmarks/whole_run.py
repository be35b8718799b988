"""A run from slides to the report: wall time, CPU time of all its processes, and what rules take of it.

    .venv/bin/python benchmarks/whole_run.py [--cohort demo] [--cohort small] [--checkout FOLDER ...] [--rounds 3]

Each checkout (this one, if none is named) runs in the environment of this program, one after the other in each round.
Its own Snakemake draws the slides first, once, which does not count.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

REPOSITORY = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
TISSUES = {"LUAD": "glands", "LUSC": "nests", "Normal": "alveoli"}
SMALL_SLIDE = "20x 0.8x0.7mm"
# Small tiles, so that small slides have some.
SMALL_CONFIG = "slides: slides.tsv\ntiling: {tile_size: 256}\ntraining: {input_size: 64}\n"


@dataclass(frozen=True)
class Run:
    """What a run took.

    Attributes:
        wall, cpu: seconds, of the run and of all its processes.
        rules: for each rule how many jobs it had, and the seconds from start to end of all of them together.
    """

    wall: float
    cpu: float
    rules: dict[str, tuple[int, float]]


@click.command(help=__doc__)
@click.option("--cohort", "cohorts", type=click.Choice(["demo", "small"]), multiple=True, default=("demo", "small"))
@click.option("--slides", default=122, show_default=True, help="Slides of the small cohort.")
@click.option("--checkout", "checkouts", type=Path, multiple=True, default=(REPOSITORY,), help="Folder of a checkout.")
@click.option("--rounds", default=1, show_default=True)
@click.option("--cores", default=2, show_default=True)
@click.option("--keep", type=Path, help="An empty folder where the last run of each stays.")
def main(
    cohorts: Iterable[str], slides: int, checkouts: tuple[Path, ...], rounds: int, cores: int, keep: Path | None
) -> None:
    checkouts = tuple(checkout.resolve() for checkout in checkouts)
    for cohort in cohorts:
        with tempfile.TemporaryDirectory() as folder:
            drawn = [Path(folder) / f"drawn-{number}" for number in range(len(checkouts))]
            for checkout, place in zip(checkouts, drawn, strict=True):
                draw(checkout, place, cohort, slides, cores)
            runs: list[list[Run]] = [[] for _ in checkouts]
            for _ in range(rounds):
                for number, checkout in enumerate(checkouts):
                    place = Path(folder) / "run"
                    shutil.copytree(drawn[number], place, symlinks=True)
                    runs[number].append(measure(checkout, place, cores))
                    if keep:
                        shutil.rmtree(kept := keep / f"{cohort}-{number}", ignore_errors=True)
                        shutil.copytree(place, kept, symlinks=True)
                    shutil.rmtree(place)
        for checkout, own in zip(checkouts, runs, strict=True):
            tell(cohort, checkout, own)


def draw(checkout: Path, place: Path, cohort: str, slides: int, cores: int) -> None:
    """The cohort's slides, by the checkout's own rule, in a new folder."""
    place.mkdir()
    sheet = checkout / "cohorts" / "demo.tsv"
    if cohort == "small":
        sheet = place / "slides.tsv"
        write_sheet(sheet, slides)
        (place / "config.yaml").write_text(SMALL_CONFIG)
    names = [line.split("\t")[0] for line in sheet.read_text().splitlines()[1:]]
    snakemake(checkout, place, cores, *(f"results/slides/{name}.svs" for name in names))


def write_sheet(path: Path, slides: int) -> None:
    """A sheet of small slides, one of each patient."""
    labels = list(TISSUES) * slides
    rows = [f"S-{n:03}\tP-{n:03}\t{label}\t{TISSUES[label]} {SMALL_SLIDE}" for n, label in enumerate(labels[:slides])]
    path.write_text("\n".join(["slide_id\tpatient_id\tlabel\tsynthetic", *rows]) + "\n")


def measure(checkout: Path, place: Path, cores: int) -> Run:
    wall, cpu = snakemake(checkout, place, cores)
    tables = sorted((place / "results" / "benchmarks").rglob("*.tsv"))
    rules: dict[str, tuple[int, float]] = {}
    for table in tables:
        name = table.relative_to(place / "results" / "benchmarks").parts[0].removesuffix(".tsv")
        if name != "synthesize_slide":
            jobs, seconds = rules.get(name, (0, 0.0))
            rules[name] = (jobs + 1, seconds + float(table.read_text().splitlines()[1].split("\t")[0]))
    return Run(wall, cpu, rules)


def snakemake(checkout: Path, place: Path, cores: int, *targets: str) -> tuple[float, float]:
    """Wall time and CPU time (s) of a run by a checkout, from its Snakemake's start to its end."""
    command = [str(SNAKEMAKE), *targets, "--cores", str(cores), "--quiet", "rules"]
    command += ["--snakefile", str(checkout / "Snakefile"), "--directory", str(place)]
    if (place / "config.yaml").exists():
        command += ["--configfile", str(place / "config.yaml")]
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    with (place / "snakemake.txt").open("w") as printed:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.STDOUT, env=environment, cwd=checkout)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    if status:
        sys.exit(f"the run failed:\n{(place / 'snakemake.txt').read_text()}")
    return wall, usage.ru_utime + usage.ru_stime


def tell(cohort: str, checkout: Path, runs: list[Run]) -> None:
    """Print medians of the runs of a checkout."""
    wall, cpu = (statistics.median(getattr(run, name) for run in runs) for name in ("wall", "cpu"))
    click.echo(f"\n{cohort}, {checkout}: {wall:.1f} s of wall time, {cpu:.1f} s of CPU time (medians of {len(runs)})")
    click.echo("rule                 jobs   seconds of all jobs")
    for name, (jobs, _) in runs[0].rules.items():
        click.echo(f"{name:<20} {jobs:<6} {statistics.median(run.rules[name][1] for run in runs):.1f}")


if __name__ == "__main__":
    main()
