"""How long Snakemake takes to plan a cohort, and how much memory: a dry run of the whole workflow.

    .venv/bin/python benchmarks/dag.py [--slides 1000 --slides 5000 --slides 20000]

The slides need not exist: they are rows with a file_id, as select_slides writes them, two for each patient.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

REPOSITORY = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
LABELS = ("LUAD", "LUSC", "Normal")


@click.command(help=__doc__)
@click.option("--slides", "counts", type=int, multiple=True, default=(1_000, 5_000, 20_000), show_default=True)
def main(counts: tuple[int, ...]) -> None:
    click.echo("slides   jobs     wall s   CPU s   memory MB")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            jobs, wall, cpu, memory = dry_run(count, Path(folder))
        click.echo(f"{count:<8} {jobs:<8} {wall:6.1f}  {cpu:6.1f}   {memory:6.0f}")


def dry_run(count: int, folder: Path) -> tuple[int, float, float, float]:
    """Jobs, seconds of wall time and of CPU, and megabytes of one dry run."""
    write_sheet(folder / "slides.tsv", count)
    split = {"train": 0.7, "validation": 0.15, "test": 0.15}
    (folder / "config.json").write_text(json.dumps({"slides": "slides.tsv", "split": split}))
    command = [SNAKEMAKE, "-n", "--quiet", "rules", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*map(str, command), "--configfile", str(folder / "config.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        sys.exit(f"the dry run failed:\n{output}")
    jobs = next(int(line.split()[1]) for line in output.splitlines() if line.startswith("total "))
    return jobs, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def write_sheet(path: Path, count: int) -> None:
    """A sheet of slides to download, two of each patient."""
    lines = ["slide_id\tpatient_id\tlabel\tsite\tfile_id\tfilename\tmd5\tsize"]
    for number in range(count):
        patient, label = f"P-{number // 2:05}", LABELS[number // 2 % 3]
        slide_id = f"{patient}-{number % 2}"
        file_id = f"{number:08x}-0000-4000-8000-000000000000"
        lines.append(
            f"{slide_id}\t{patient}\t{label}\tS{number // 2 % 60}\t{file_id}\t{slide_id}.svs\t{number:032x}\t1"
        )
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
