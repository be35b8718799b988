"""The whole workflow on two nodes, and that it gives what one machine gives."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from ..waiting import eventually
from ..workflow.conftest import BAGS, MODEL_OF_BAGS, OF_BAGS, OF_PROBE, PROBE, REPOSITORY, weights_of_bags

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SAME_BYTES = ("tiles/*", "splits.tsv", "shards/*")
# Two ranks add up gradients in another order than two ranks elsewhere only if MPI chooses another algorithm.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def probed_on_slurm(on_slurm):
    """The same cohort by a probe as well, on the tiles that are there; what it printed."""
    return on_slurm.slurm(*PROBE)


def test_tiles_splits_and_shards_are_those_of_one_machine(on_slurm, on_one_machine):
    here = on_one_machine.contents(*SAME_BYTES)
    assert len(here) == 2 * 10 + 1 + 5
    assert on_slurm.contents(*SAME_BYTES) == here


def test_the_model_is_that_of_one_machine(on_slurm, on_one_machine, one_thread):
    from slidemill.training.backend import keras

    models = [
        keras.saving.load_model(run.folder / "results/model/model.keras", compile=False)
        for run in (on_slurm, on_one_machine)
    ]
    for there, here in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(there, here, atol=TOLERANCE)


def test_a_probe_is_that_of_one_machine(probed_on_slurm, on_slurm, probed_on_one_machine):
    here = probed_on_one_machine.contents(*OF_PROBE)
    assert len(here) == 10 + 1 + 3 + 1
    assert on_slurm.contents(*OF_PROBE) == here


def test_a_model_of_bags_is_that_of_one_machine(probed_on_slurm, on_slurm, bagged_on_one_machine, one_thread):
    """On the same two ranks, each on a node of its own, from the features that are there."""
    output = on_slurm.slurm(*BAGS)
    assert "extract_features" not in output
    here = bagged_on_one_machine.contents(*OF_BAGS)
    assert len(here) == 2
    assert on_slurm.contents(*OF_BAGS) == here
    models = [run.folder / "results" / MODEL_OF_BAGS for run in (on_slurm, bagged_on_one_machine)]
    for there, here in zip(*map(weights_of_bags, models), strict=True):
        np.testing.assert_allclose(there, here, atol=TOLERANCE)


def test_batches_of_slides_are_encoded_on_a_node_with_a_gpu_each(probed_on_slurm, cluster):
    jobs = cluster.ask("squeue", "--states=all", "--noheader", "--format=%D %b %k")
    encoding = re.findall(r"^1 gres:gpu:1 rule_(extract_features_\d)$", jobs, re.M)
    assert sorted(encoding) == ["extract_features_0", "extract_features_1"]  # eight slides and two
    assert not re.search("tile_slide|synthesize_slide", probed_on_slurm)


def test_the_run_gives_every_output(on_slurm):
    names = set(on_slurm.contents("**/*.*"))
    assert {"report.html", "model/model.keras", "evaluation/metrics.json"} <= names
    assert len([name for name in names if name.startswith("heatmaps/")]) >= 6


def test_a_job_handles_many_slides(on_slurm):
    output = (on_slurm.folder / "output.txt").read_text()
    submitted = re.findall(r"submitted with SLURM jobid \d+ \(log: \S+/slurm_logs/(\w+)/", output)
    assert submitted.count("group_slides_synthesize_slide_tile_slide") == 2  # ten slides, five in a job
    assert submitted.count("rule_train") == 1


def test_the_ranks_trained_on_two_nodes_with_a_gpu_each(on_slurm, cluster):
    jobs = cluster.ask("squeue", "--states=all", "--noheader", "--format=%D %C %b %k")
    assert re.search(r"^2 2 gres:gpu:1 rule_train$", jobs, re.M), jobs


def test_the_doctor_examines_an_allocation(cluster):
    doctor = [sys.executable, str(REPOSITORY / "scripts/doctor.py"), "--expect-ranks", "4"]
    options = ["--nodes=2", "--ntasks-per-node=2", "--gres=gpu:2", "--mpi=pmix", "--mem=8000"]
    output = cluster.ask("srun", *options, *doctor)
    ranks = re.findall(r"^rank (\d): .* local rank (\d), .*CUDA_VISIBLE_DEVICES=0,1\)$", output, re.M)
    # Both nodes are this machine.
    assert ranks == [("0", "0"), ("1", "1"), ("2", "2"), ("3", "3")]
    assert re.search(r"allreduce of 64 MB over 4 ranks: [\d.]+ ms, [\d.]+ GB/s", output)


def test_mpirun_reaches_all_nodes_too(cluster, tmp_path):
    launcher = REPOSITORY / "slurm/bin/mpirun-over-nodes"
    doctor = f"{sys.executable} {REPOSITORY}/scripts/doctor.py --expect-ranks 2"
    # As in Snakemake's jobs: of SLURM's variables only the number of the job is left.
    kept = f"HOME=$HOME PATH={Path(sys.executable).parent}:$PATH SLURM_JOB_ID=$SLURM_JOB_ID OMPI_ALLOW_RUN_AS_ROOT=1"
    job = f"env -i {kept} OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 {launcher} -n 2 {doctor}"
    options = ["--parsable", "--nodes=2", "--ntasks-per-node=1", "--mem=4000", f"--output={tmp_path}/log"]
    number = cluster.ask("sbatch", *options, f"--wrap={job}").strip()
    eventually(lambda: not cluster.ask("squeue", "--noheader", f"--jobs={number}"), "the job has ended")
    output = (tmp_path / "log").read_text()
    assert re.findall(r"^rank (\d): .* local rank (\d)", output, re.M) == [("0", "0"), ("1", "1")], output
