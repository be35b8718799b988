"""What a SLURM job costs besides its programs, and how long many slides take to submit, one and many slides to a job.

    .venv/bin/python benchmarks/slurm.py [--slides 20] [--submitted 2000]

Starts a cluster of two nodes on this machine, as tests/slurm does (root, Debian's slurm-wlm, munge, libpmix-dev).
"""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

REPOSITORY = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
TARGET = "results/splits.tsv"
LABELS = ("LUAD", "LUSC", "Normal")
CONFIG = "slides: slides.tsv\ntiling: {tile_size: 256}\n"


def load_cluster():
    spec = importlib.util.spec_from_file_location("cluster", REPOSITORY / "tests" / "slurm" / "cluster.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["cluster"] = module
    spec.loader.exec_module(module)
    return module


@click.command(help=__doc__)
@click.option("--slides", default=20, show_default=True, help="Slides that are drawn and tiled.")
@click.option("--submitted", default=2_000, show_default=True, help="Slides whose jobs are only submitted.")
@click.option("--slides-per-job", "sizes", type=int, multiple=True, default=(1, 20), show_default=True)
def main(slides: int, submitted: int, sizes: tuple[int, ...]) -> None:
    module = load_cluster()
    with tempfile.TemporaryDirectory() as folder:
        cluster = module.Cluster(Path(folder) / "cluster")
        cluster.start()
        try:
            click.echo("slides to a job   jobs   seconds of jobs beyond programs, for each slide")
            for size in sizes:
                with tempfile.TemporaryDirectory() as work:
                    jobs, overhead = run(Path(work), slides, size)
                click.echo(f"{size:<17} {jobs:<6} {overhead:.1f}")
            click.echo("slides to a job   jobs   seconds until all are submitted   CPU seconds of slurmctld")
            for size in sizes:
                with tempfile.TemporaryDirectory() as work:
                    jobs, seconds, controller = submit(Path(work), submitted, size)
                click.echo(f"{size:<17} {jobs:<6} {seconds:<33.0f} {controller:.1f}")
        finally:
            cluster.stop()


def run(work: Path, slides: int, size: int) -> tuple[int, float]:
    """Jobs, and seconds of a job that none of its programs took, for each slide; one job at a time."""
    prepare(work, slides)
    before = {line.split()[0] for line in all_jobs()}
    subprocess.run([*command(size), "--jobs", "1"], cwd=work, check=True, capture_output=True)
    jobs = [line for line in all_jobs() if line.split()[0] not in before and " rule_slides_" in line]
    in_jobs = sum(seconds_of(line.split()[1]) for line in jobs)
    return len(jobs), (in_jobs - seconds_in_programs(work)) / slides


def submit(work: Path, slides: int, size: int) -> tuple[int, float, float]:
    """Jobs, seconds until all are in the queue of a cluster that starts none, and CPU seconds of its controller."""
    prepare(work, slides)
    subprocess.run(["scontrol", "update", "partitionname=all", "state=down"], check=True)
    expected, seen, controller = -(-slides // size), 0, controller_seconds()
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command(size), "--jobs", "unlimited"], cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while seen < expected:
        line = process.stdout.readline()
        assert line, "snakemake ended"
        seen += "submitted with SLURM jobid" in line and "group_slides" in line
    seconds = time.perf_counter() - start
    os.kill(process.pid, signal.SIGINT)
    process.communicate()
    subprocess.run(["scancel", "--user=root"], check=True)
    subprocess.run(["scontrol", "update", "partitionname=all", "state=up"], check=True)
    return seen, seconds, controller_seconds() - controller


def prepare(work: Path, slides: int) -> None:
    rows = [f"S-{number:05}\tP-{number:05}\t{LABELS[number % 3]}\tglands 20x 0.8x0.7mm" for number in range(slides)]
    (work / "slides.tsv").write_text("\n".join(["slide_id\tpatient_id\tlabel\tsynthetic", *rows]) + "\n")
    (work / "my_config.yaml").write_text(CONFIG)
    for name in ("slurm", "profiles"):
        (work / name).symlink_to(REPOSITORY / name)


def command(size: int) -> list[str]:
    files = ["--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", "my_config.yaml"]
    small = ["--cores", "2", "--slurm-init-seconds-before-status-checks", "1"]
    return [str(SNAKEMAKE), TARGET, "--profile", "slurm", *files, *small, "--group-components", f"slides={size}"]


def all_jobs() -> list[str]:
    """Id, elapsed time and rules of every job the cluster knows."""
    call = ["squeue", "--states=all", "--noheader", "--format=%i %M %k"]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()


def seconds_of(elapsed: str) -> int:
    minutes, seconds = elapsed.split(":")
    return 60 * int(minutes) + int(seconds)


def seconds_in_programs(work: Path) -> float:
    tables = work.glob("results/benchmarks/*_slide/*.tsv")
    return sum(float(table.read_text().splitlines()[1].split("\t")[0]) for table in tables)


def controller_seconds() -> float:
    status = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=True).stdout
    pid_file = Path(re.search(r"SlurmctldPidFile\s*= (\S+)", status)[1])
    fields = Path(f"/proc/{pid_file.read_text().strip()}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
