"""What can be seen of `--profile slurm` on a machine without SLURM."""

import os
import re
import shutil
import subprocess

import pytest

from ..workflow.conftest import SNAKEMAKE
from .conftest import REPOSITORY, check_out

pytestmark = pytest.mark.slow

LISTS = REPOSITORY.parent / "shared" / "gdc"


@pytest.fixture
def plan(tmp_path):
    """A dry run with no program of SLURM on the PATH, in a checkout whose profile has been filled in."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "env", "which"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    folder = tmp_path / "checkout"
    folder.mkdir()
    checkout = check_out(folder)

    def dry_run(*arguments, check=True, **block):
        profile = folder / "profiles/slurm/profile.yaml"
        text = profile.read_text()
        for key, value in block.items():
            text, found = re.subn(rf"^  {key}: \S*", f"  {key}: {value}", text, flags=re.M)
            assert found == 1
        profile.write_text(text)
        run = subprocess.run(
            [SNAKEMAKE, "-n", "--profile", "slurm", *arguments],
            cwd=checkout.folder,
            env=os.environ | {"PATH": str(programs)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (run.returncode == 0) == check, run.stdout + run.stderr
        return run.stdout + run.stderr

    dry_run.folder = folder
    return dry_run


def resources_of(rule, output):
    """The resources of the first job of a rule, as Snakemake prints them."""
    block = re.search(rf"^ *rule {rule}:\n.*?resources: ([^\n]*)", output, re.M | re.S)
    assert block, output
    return dict(pair.split("=", 1) for pair in block[1].split(", "))


def test_the_tcga_cohort_can_be_planned(plan):
    if LISTS.exists():
        names = [
            (name.removesuffix(".svs"), label)
            for label in ("LUAD", "LUSC", "Normal")
            for name in (LISTS / f"tcga-lung-{label.lower()}.txt").read_text().split()
        ]
    else:
        names = [
            (f"TCGA-{i // 8:02}-{i:04}-{kind}A-01-TS1", "Normal" if kind == 11 else ("LUAD", "LUSC")[i % 2])
            for i in range(500)
            for kind in (1, 11)
        ]
    rows = [
        f"{name}\t{label}\t{i:08x}-0000-4000-8000-000000000000\t{name}.svs\t{i:032x}\t{10**9}"
        for i, (name, label) in enumerate(names)
    ]
    header = "slide_id\tlabel\tfile_id\tfilename\tmd5\tsize"
    (plan.folder / "cohorts/tcga_lung.tsv").write_text("\n".join([header, *rows]) + "\n")
    output = plan("--configfile", "cohorts/tcga_lung.yaml", "--quiet", "rules")
    assert re.search(rf"^download_slide +{len(names)}$", output, re.M)
    assert re.search(rf"^tile_slide +{len(names)}$", output, re.M)
    assert re.search(r"^train +1$", output, re.M)


def test_what_stands_in_the_block_is_what_slurm_is_asked_for(plan):
    block = {
        "account": "lab",
        "partition": "short",
        "train_partition": "gpu",
        "gpu_type": "a100",
        "gpus_per_node": 4,
        "cpus_per_rank": 8,
        "train_hours": 48,
    }
    ranks = ("--configfile", "my_config.yaml", "--config", "ranks={nodes: 2, per_node: 4}")
    output = plan(*ranks, **block)
    train = resources_of("train", output)
    asked = {
        key: train[key] for key in ("nodes", "tasks", "slurm_partition", "gres", "cpus_per_task", "runtime", "mpi")
    }
    assert asked == {
        "nodes": "2",
        "tasks": "8",
        "slurm_partition": "gpu",
        "gres": "gpu:a100:4",
        "cpus_per_task": "8",
        "runtime": str(48 * 60),
        "mpi": "srun --mpi=pmix",
    }
    assert train["slurm_account"] == "lab"
    tile = resources_of("tile_slide", output)
    assert (tile["slurm_partition"], tile["slurm_account"]) == ("short", "lab")
    assert "gres" not in tile
    assert "shards/train-7-of-8.tfrecord" in output
    assert "srun --mpi=pmix -n 8 python" in output
    assert "--threads 8" in output


def test_other_numbers_of_gpus_and_ranks_are_refused(plan):
    output = plan("--configfile", "my_config.yaml", gpus_per_node=4, check=False)
    assert "4 GPU(s) on each node, and the config for 1 rank(s)" in output


def test_slides_and_pictures_travel_in_groups(plan):
    output = plan("--configfile", "my_config.yaml")
    assert "Group job slides" in output
    assert "Group job pictures" in output
    # Four of them at once on the 8 cores of a job, whatever machine plans it.
    assert set(re.findall(r"scripts/tile_slide\.py .*?--threads (\d+)", output)) == {"2"}


def test_one_rank_needs_no_launcher(plan):
    output = plan("--configfile", "my_config.yaml", "--config", "ranks={nodes: 1, per_node: 1}")
    assert "mpi" not in resources_of("train", output)
    assert "srun" not in output


def test_larger_slides_get_more_memory_and_time(plan):
    sizes = {"LUAD-0": 10**8, "LUSC-0": 4 * 10**9}
    names = [f"{label}-{number}" for label in ("LUAD", "LUSC", "Normal") for number in range(3)]
    rows = [
        f"{name}\tP-{name}\t{name[:-2]}\t00000000-0000-4000-8000-{i:012x}\t{name}.svs\t{i:032x}\t{sizes.get(name, 1)}"
        for i, name in enumerate(names)
    ]
    header = "slide_id\tpatient_id\tlabel\tfile_id\tfilename\tmd5\tsize"
    (plan.folder / "slides.tsv").write_text("\n".join([header, *rows]) + "\n")
    small, large = (
        resources_of("tile_slide", plan(f"results/tiles/{name}.tfrecord", "--configfile", "my_config.yaml"))
        for name in ("LUAD-0", "LUSC-0")
    )
    assert int(large["mem_mb"]) > int(small["mem_mb"])
    assert int(large["runtime"]) > int(small["runtime"])
