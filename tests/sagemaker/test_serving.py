"""A model in use on SageMaker, by the commands that a user types, with the results of the workflow."""

import contextlib
import csv
import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from slidemill.inference.store import read_predictions
from slidemill.records import parse_example, read_records
from snakemake_executor_plugin_sagemaker.s3 import S3Uri

from ..workflow.conftest import SIZE, Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

MODEL = "used/model.keras"
USE = ("--config", f"model={MODEL}")


@pytest.fixture(scope="module", autouse=True)
def model_in_use(checkout, finished):
    """The model whose predictions are there, in a place of its own."""
    bucket, prefix = checkout.prefix.removeprefix("s3://").split("/", 1)
    checkout.service.storage.client.put_object(Bucket=bucket, Key=f"{prefix}/{MODEL}", Body=finished.model)


@pytest.fixture(scope="module")
def deployed(checkout, finished):
    """What `deploy_endpoint` printed; the endpoint is there until these tests end."""
    yield checkout.snakemake("deploy_endpoint", *USE)
    checkout.snakemake("stop_costs")


@pytest.fixture(scope="module")
def name(deployed):
    return re.search(r"^endpoint (\S+) is in service: real-time, 1 x ml.c5.xlarge", deployed, re.M)[1]


def test_what_it_costs_and_how_that_ends_is_said(checkout, deployed, name):
    assert name == f"slidemill-{checkout.folder.parent.name}"
    assert "costs money every hour" in deployed
    assert "snakemake delete_endpoint --profile sagemaker" in deployed


def stored_tiles(checkout, slide_id):
    """The tile records of a slide, and its predictions by the workflow."""
    folder = checkout.folder.parent / "fetched"
    folder.mkdir(exist_ok=True)
    for place in (f"tiles/{slide_id}.tfrecord", f"predictions/{slide_id}.zarr.zip"):
        (folder / place.replace("/", "-")).write_bytes(checkout.read(place))
    return folder / f"tiles-{slide_id}.tfrecord", read_predictions(folder / f"predictions-{slide_id}.zarr.zip")


@pytest.fixture(scope="module")
def scored(checkout, finished):
    """A slide that the workflow has scored."""
    rows = csv.DictReader(checkout.read("evaluation/slides.tsv").decode().splitlines(), delimiter="\t")
    return next(row["slide_id"] for row in rows if int(row["tile_count"]))


def test_an_endpoint_gives_the_scores_of_the_workflow(checkout, name, scored):
    records, predictions = stored_tiles(checkout, scored)
    ask = checkout.service.runtime.invoke_endpoint
    answer = ask(EndpointName=name, Body=records.read_bytes(), ContentType="application/x-tfrecord")
    told = json.load(answer["Body"])
    assert tuple(told["classes"]) == predictions.classes
    by_place = dict(zip(map(tuple, told["coordinates"]), told["scores"], strict=True))
    found = [by_place[place] for place in map(tuple, predictions.coordinates.tolist())]
    np.testing.assert_allclose(found, predictions.scores, atol=1e-6)
    tile = parse_example(next(read_records(records)))["image/encoded"]
    answer = ask(EndpointName=name, Body=tile, ContentType="image/jpeg")
    np.testing.assert_allclose(json.load(answer["Body"])["scores"][0], told["scores"][0], atol=1e-6)


def test_the_client_scores_a_slide_by_the_name_of_an_endpoint(checkout, name, scored, tmp_path):
    scores_as_the_workflow(checkout, name, scored, tmp_path)


def scores_as_the_workflow(checkout, name, scored, tmp_path):
    slide = tmp_path / f"{scored}.svs"
    slide.write_bytes(checkout.read(f"slides/{scored}.svs"))
    command = [sys.executable, "-m", "slidemill_sagemaker.client_command", "score", slide, "--output", tmp_path]
    ended = subprocess.run(
        [*map(str, command), "--endpoint", name],
        env=os.environ | checkout.service.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"{slide}: ")
    _, expected = stored_tiles(checkout, scored)
    found = read_predictions(tmp_path / "predictions" / f"{scored}.zarr.zip")
    np.testing.assert_array_equal(found.coordinates, expected.coordinates)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    assert found.model_sha256 == expected.model_sha256
    assert (tmp_path / "heatmaps" / f"{scored}.png").stat().st_size > 0


def test_the_same_command_again_changes_nothing(checkout, name):
    def made():
        return [call for call, _ in checkout.service.calls() if call.startswith(("Create", "Update", "Delete"))]

    before = made()
    assert f"endpoint {name} is in service" in checkout.snakemake("deploy_endpoint", *USE)
    assert made() == before


def test_what_costs_is_listed_and_a_deleted_endpoint_costs_nothing(checkout, name):
    assert re.search(rf"^endpoint +{name} +InService +1 x ml\.c5\.xlarge", checkout.snakemake("list_costs"), re.M)
    assert f"endpoint {name} is deleted" in checkout.snakemake("delete_endpoint")
    assert "nothing of this project" in checkout.snakemake("list_costs")
    for kind in ("endpoints", "endpoint_configs", "models"):
        answer = getattr(checkout.service.sagemaker, f"list_{kind}")()
        assert [answer[key] for key in answer if key != "ResponseMetadata"] == [[]]


def test_a_slide_in_s3_is_scored_by_an_asynchronous_endpoint(checkout, scored, tmp_path):
    slides, service = f"{checkout.prefix}/results/slides", checkout.service
    told = checkout.snakemake(
        "deploy_endpoint", *USE, "endpoint={kind: asynchronous, name: whole-slides}", f"serving={{slides: '{slides}'}}"
    )
    assert "endpoint whole-slides is in service: asynchronous" in told
    bucket, prefix = checkout.prefix.removeprefix("s3://").split("/", 1)
    question = f"{prefix}/question.json"
    body = json.dumps({"slide": f"{slides}/{scored}.svs"}).encode()
    service.storage.client.put_object(Bucket=bucket, Key=question, Body=body)
    asked = service.runtime.invoke_endpoint_async(
        EndpointName="whole-slides", InputLocation=f"s3://{bucket}/{question}", ContentType="application/json"
    )
    answer = when_answered(service.storage.client, asked)
    _, predictions = stored_tiles(checkout, scored)
    np.testing.assert_array_equal(answer["coordinates"], predictions.coordinates)
    np.testing.assert_allclose(answer["scores"], predictions.scores, atol=1e-6)
    scores_as_the_workflow(checkout, "whole-slides", scored, tmp_path)
    checkout.snakemake("stop_costs")


def when_answered(s3, asked):
    """What an asynchronous endpoint has left in S3, as soon as it is there."""
    places = [S3Uri.parse(asked[key]) for key in ("OutputLocation", "FailureLocation")]
    while True:
        for place, is_good in zip(places, (True, False), strict=True):
            with contextlib.suppress(s3.exceptions.NoSuchKey):
                found = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
                assert is_good, found
                return json.loads(found)
        time.sleep(0.2)


def test_batch_transform_gives_the_files_of_score(checkout, finished, tmp_path):
    sheet = ["slide_id\tpatient_id\tsynthetic", f"new-1\tN-1\tglands {SIZE}", f"empty\tN-2\tnone {SIZE}"]
    (checkout.folder / "new.tsv").write_text("\n".join(sheet) + "\n")
    checkout.snakemake("batch_transform", *USE, "slides=new.tsv")
    [job] = [request for call, request in checkout.service.calls() if call == "CreateTransformJob"]
    assert job["TransformInput"]["SplitType"] == "TFRecord"
    assert job["TransformResources"] == {"InstanceType": "ml.c5.4xlarge", "InstanceCount": 2}
    assert "Nothing to be done" in checkout.snakemake("batch_transform", *USE, "slides=new.tsv")

    workspace = Workspace(tmp_path)
    workspace.write()
    (tmp_path / "new.tsv").write_text("\n".join(sheet) + "\n")
    (tmp_path / "model.keras").write_bytes(finished.model)
    config = ("--config", "slides=new.tsv", "model=model.keras")
    workspace.snakemake("--cores", "2", "results/scoring/new/scores.tsv", *config)
    for slide in ("new-1", "empty"):
        place = f"scoring/new/predictions/{slide}.zarr.zip"
        (tmp_path / "from-sagemaker.zip").write_bytes(checkout.read(place))
        found, expected = (
            read_predictions(tmp_path / "from-sagemaker.zip"),
            read_predictions(tmp_path / "results" / place),
        )
        np.testing.assert_array_equal(found.coordinates, expected.coordinates)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
        assert (found.model_sha256, found.reason) == (expected.model_sha256, expected.reason)
    assert len(found.scores) == 0
    tables = [
        list(csv.DictReader(text.decode().splitlines(), delimiter="\t"))
        for text in (checkout.read("scoring/new/scores.tsv"), *workspace.contents("scoring/new/scores.tsv").values())
    ]
    assert [row["slide_id"] for row in tables[0]] == [row["slide_id"] for row in tables[1]] == ["empty", "new-1"]
    heatmap = checkout.read("scoring/new/heatmaps/new-1.png")
    assert heatmap.startswith(b"\x89PNG")
