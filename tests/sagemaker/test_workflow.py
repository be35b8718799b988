"""The workflow on SageMaker, by the command that a user types, on a tiny cohort."""

import re
import signal
import subprocess
import time

import numpy as np
import pytest

from ..workflow.conftest import (
    BAGS,
    CONFIG,
    MODEL_OF_BAGS,
    OF_BAGS,
    OF_PROBE,
    PROBE,
    Workspace,
    weights_of_bags,
)
from .checkout import Checkout
from .standin import StandIn

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

# As on SLURM: ranks add up gradients in another order only if MPI chooses another algorithm.
TOLERANCE = 1e-4
STORES = ("tiles/*", "splits.tsv", "shards/*.*")


def training_requests(service: StandIn) -> list[dict]:
    return [request for operation, request in service.calls() if operation == "CreateTrainingJob"]


def test_every_output_is_in_s3_and_nothing_is_left_on_this_machine(checkout, finished):
    bucket, prefix = checkout.prefix.removeprefix("s3://").split("/", 1)
    names = {key.removeprefix(f"{prefix}/") for key in checkout.service.storage.keys(f"s3://{bucket}/{prefix}/")}
    assert {"results/report.html", "results/model/model.keras", "results/slides.tsv", "logs/train.log"} <= names
    assert not [path for path in (checkout.folder / "results").rglob("*") if path.is_file()]
    assert len(checkout.history()) == 3


def test_jobs_are_few_and_done(checkout, finished):
    assert set(finished.jobs.values()) == {"Completed"}
    requests = [request for operation, request in finished.calls if operation == "CreateProcessingJob"]
    cluster = [request["ProcessingResources"]["ClusterConfig"] for request in requests]
    assert [one["InstanceType"] for one in cluster].count("ml.c5.4xlarge") == 2  # 10 slides, 5 in a job
    assert len(requests) <= 9


def test_stores_splits_and_shards_are_those_of_one_machine(checkout, finished, on_one_machine):
    expected = on_one_machine.contents(*STORES)
    assert len(expected) == 2 * 10 + 1 + 1 + 2 * 2
    assert {name: checkout.read(name) for name in expected} == expected


def test_slides_that_lie_in_s3_are_read_by_any_engine(checkout, finished, tmp_path, monkeypatch):
    for name, value in checkout.service.environment.items():
        monkeypatch.setenv(name, value)
    workspace = Workspace(tmp_path)
    workspace.write()
    header, *rows = (line.split("\t")[:3] for line in (tmp_path / "slides.tsv").read_text().splitlines())
    rows = [[*row, f"{checkout.prefix}/results/slides/{row[0]}.svs"] for row in rows]
    (tmp_path / "slides.tsv").write_text("\n".join("\t".join(row) for row in [[*header, "path"], *rows]))
    workspace.snakemake("--cores", "2", "results/tiles/LUAD-0.zarr.zip")
    assert workspace.contents("tiles/*.tfrecord") == {"tiles/LUAD-0.tfrecord": checkout.read("tiles/LUAD-0.tfrecord")}


def test_shards_come_by_a_channel_to_both_hosts(checkout, finished):
    [request] = [request for operation, request in finished.calls if operation == "CreateTrainingJob"]
    assert request["ResourceConfig"]["InstanceCount"] == 2
    [channel] = request["InputDataConfig"]
    assert (channel["ChannelName"], channel["InputMode"]) == ("shards", "FastFile")
    assert "2 ranks with" in "\n".join(checkout.service.log_lines("Training", request["TrainingJobName"]))


def test_a_second_run_does_nothing(checkout, finished):
    assert "Nothing to be done" in checkout.snakemake()


def test_a_probe_is_that_of_one_machine(checkout, finished, probed_on_one_machine):
    output = checkout.snakemake(*PROBE)
    assert set(re.findall(r"^(?:local)?rule (\w+):", output, re.M)) == {
        *("keep_sheet", "assign_splits", "extract_features_0", "extract_features_1", "fit_probe"),
        *("predict_slides_0", "evaluate"),
    }
    expected = probed_on_one_machine.contents(*OF_PROBE)
    assert len(expected) == 10 + 1 + 3 + 1
    assert {name: checkout.read(name) for name in expected} == expected


def test_a_model_of_bags_is_that_of_one_machine(checkout, finished, bagged_on_one_machine, tmp_path, one_thread):
    """On the same two ranks, each on a host of its own; the probe has left the features, which come by a channel."""
    output = checkout.snakemake(*BAGS)
    assert "train" in re.findall(r"^(?:local)?rule (\w+):", output, re.M)
    [channel] = training_requests(checkout.service)[-1]["InputDataConfig"]
    assert (channel["ChannelName"], channel["InputMode"]) == ("features", "FastFile")
    expected = bagged_on_one_machine.contents(*OF_BAGS)
    assert len(expected) == 2
    assert {name: checkout.read(name) for name in expected} == expected
    (tmp_path / "model.keras").write_bytes(checkout.read(MODEL_OF_BAGS))
    models = [tmp_path / "model.keras", bagged_on_one_machine.folder / "results" / MODEL_OF_BAGS]
    for there, here in zip(*map(weights_of_bags, models), strict=True):
        np.testing.assert_allclose(there, here, atol=TOLERANCE)


def test_training_by_fifos(checkout, finished):
    profile = checkout.folder / "profiles/sagemaker/profile.yaml"
    before = profile.read_text()
    checkout.edit_profile(r"# fifos: ", "fifos: ")
    output = checkout.snakemake("results/model/model.keras")
    profile.write_text(before)
    assert set(re.findall(r"^(?:local)?rule (\w+):", output, re.M)) == {"list_fifos", "train"}
    channels = {c["ChannelName"]: c["InputMode"] for c in training_requests(checkout.service)[-1]["InputDataConfig"]}
    assert channels == {"shards": "FastFile", "train_0": "Pipe", "validation_0": "Pipe"}  # a rank on each host
    assert len(checkout.history()) == 3


def test_a_training_goes_on_after_ctrl_c_and_after_a_spot_interruption(checkout, finished):
    """Each time it stands still after an epoch, until it is stopped."""
    epochs, service = 4, checkout.service
    checkout.configure(training={**CONFIG["training"], "epochs": epochs})

    with checkout.held_trainings(), checkout.start("results/model/model.keras") as process:
        name = until_a_checkpoint(checkout, process)
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode != 0
    assert service.wait("Training", name)["TrainingJobStatus"] == "Stopped"
    assert not {"InProgress", "Stopping"} & {*service.jobs("Training").values(), *service.jobs("Processing").values()}

    with checkout.held_trainings(), checkout.start("results/model/model.keras") as process:
        again = until_a_checkpoint(checkout, process)
        service.interrupt(again)
        for host in ("algo-1", "algo-2"):
            service.let_end(again, host, attempt=2)
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert again != name
    steps = [step["Status"] for step in service.describe("Training", again)["SecondaryStatusTransitions"]]
    assert steps.count("Training") == 2
    assert "\n".join(service.log_lines("Training", again)).count("going on after epoch") == 2
    assert [row["epoch"] for row in checkout.history()] == [str(number + 1) for number in range(epochs)]


def until_a_checkpoint(checkout: Checkout, process: subprocess.Popen[str]) -> str:
    """The name of the next training job, as soon as it has finished an epoch more."""
    service, before = checkout.service, len(training_requests(checkout.service))
    while len(training_requests(service)) == before:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.2)
    name = training_requests(service)[-1]["TrainingJobName"]

    def has_finished_an_epoch(facts: dict) -> bool:
        assert facts["TrainingJobStatus"] == "InProgress", service.log_lines("Training", name)
        return any("INFO epoch " in line for line in service.log_lines("Training", name))

    service.wait("Training", name, until=has_finished_an_epoch)
    return name
