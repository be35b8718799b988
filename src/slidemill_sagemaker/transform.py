"""Batch transform: the tile records of many slides, scored on many instances."""

import json
import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from slidemill.atomic import atomic_path
from slidemill_sagemaker.costs import stop_job
from slidemill_sagemaker.errors import DeploymentError
from slidemill_sagemaker.models import StoredModel, ensure_model
from slidemill_sagemaker.project import Project
from slidemill_sagemaker.requests import Fleet, digest, shortened, transform_request
from slidemill_sagemaker.service import Service
from snakemake_executor_plugin_sagemaker.s3 import S3Uri, write_text

_GROUP = "/aws/sagemaker/TransformJobs"
_SUFFIX_BYTES = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TransformPlan:
    """What is to be transformed.

    Attributes:
        name: how the names of job and model begin.
        records: the folder in S3 of the slides' tile records.
        slide_ids: the slides.
        environment: of the container.
    """

    name: str
    records: S3Uri
    slide_ids: Sequence[str]
    fleet: Fleet
    environment: dict[str, str]


def answer_name(slide_id: str) -> str:
    """Name of the file with the answers for a slide, as SageMaker chooses it."""
    return f"{slide_id}.tfrecord.out"


def transform(service: Service, project: Project, plan: TransformPlan, stored: StoredModel, answers: Path) -> None:
    """Score the tiles of slides by one job, wait for it, and fetch its answers.

    A job of an earlier run that does the same is waited for, and one that has done it is not repeated. Whoever ends
    this program ends the job.

    Args:
        answers: folder that gets {slide}.tfrecord.out for each slide, empty for one without tiles.
    Raises:
        ModelFileError: it is no model of slidemill.
        DeploymentError: records are missing, SageMaker refused something, or the job failed.
    """
    found = _find_records(service, plan)
    used = sorted(name for name, (size, _) in found.items() if size)
    outputs = None
    if used:
        model = ensure_model(service, project, f"{plan.name}-batch", stored, plan.environment)
        manifest = [{"prefix": f"{str(plan.records).rstrip('/')}/"}, *used]
        identity = digest([model, manifest, [found[name][1] for name in used]])
        outputs = _run(service, project, plan, model, manifest, identity)
        service.find("DeleteModel", ModelName=model)
    answers.mkdir(parents=True, exist_ok=True)
    for slide_id in plan.slide_ids:
        with atomic_path(answers / answer_name(slide_id)) as path:
            if outputs and f"{slide_id}.tfrecord" in used:
                _fetch(service, outputs.child(answer_name(slide_id)), path)
            else:
                path.touch()


def _find_records(service: Service, plan: TransformPlan) -> dict[str, tuple[int, str]]:
    """Size and ETag of the records of each slide, by the name of their file."""
    folder = f"{plan.records.key.rstrip('/')}/"
    wanted = {f"{slide_id}.tfrecord" for slide_id in plan.slide_ids}
    found = {}
    try:
        for page in service.s3.get_paginator("list_objects_v2").paginate(Bucket=plan.records.bucket, Prefix=folder):
            for entry in page.get("Contents", []):
                name = entry["Key"].removeprefix(folder)
                if name in wanted:
                    found[name] = (entry["Size"], entry["ETag"])
    except (ClientError, BotoCoreError) as error:
        raise DeploymentError(f"{plan.records}: {error}") from error
    if missing := sorted(wanted - set(found)):
        raise DeploymentError(
            f"{plan.records}: {len(missing)} slides have no tile records there: {', '.join(missing[:5])}. Delete their "
            ".zarr.zip and run again to cut their tiles."
        )
    return found


def _run(
    service: Service, project: Project, plan: TransformPlan, model: str, manifest: list[Any], identity: str
) -> S3Uri:
    """Where the answers of a job that has done it are."""
    folder = project.staging.child(f"transforms/{identity}")
    outputs = folder.child("answers")
    name = _earlier(service, identity, outputs.child(f"{manifest[1]}.out"))
    if name is None:
        where = folder.child("manifest.json")
        write_text(service.s3, where, json.dumps(manifest, ensure_ascii=False))
        start = shortened(plan.name, len(identity) + 2 * _SUFFIX_BYTES + 2)
        name = f"{start}-{identity}-{secrets.token_hex(_SUFFIX_BYTES)}"
        service.call(
            "CreateTransformJob", **transform_request(name, model, where, outputs, plan.fleet, project)
        )  # fmt: skip
    _log.info(
        "transform job %s: %d slides on %d x %s", name, len(manifest) - 1, plan.fleet.count, plan.fleet.instance_type
    )
    try:
        _wait(service, project, name)
    except BaseException:
        stop_job(service, "Transform", name)
        raise
    return outputs


def _earlier(service: Service, identity: str, answer: S3Uri) -> str | None:
    """A job of an earlier run that does the same, or has done it and whose answers are still there.

    Args:
        answer: one of them.
    """
    for status in ("InProgress", "Completed"):
        for entry in service.pages(
            "ListTransformJobs", "TransformJobSummaries", NameContains=identity, StatusEquals=status
        ):
            if status == "InProgress" or service.has_object(answer):
                return str(entry["TransformJobName"])
    return None


def _wait(service: Service, project: Project, name: str) -> None:
    while True:
        facts = service.call("DescribeTransformJob", TransformJobName=name)
        status = facts["TransformJobStatus"]
        if status == "Completed":
            return
        if status not in ("InProgress", "Stopping"):
            said = service.last_words(_GROUP, prefix=f"{name}/")
            raise DeploymentError(f"transform job {name}: {status}: {facts.get('FailureReason', '')}{said}")
        time.sleep(project.poll_seconds)


def _fetch(service: Service, uri: S3Uri, path: Path) -> None:
    try:
        service.s3.download_file(uri.bucket, uri.key, str(path))
    except (ClientError, BotoCoreError) as error:
        raise DeploymentError(f"{uri}, an answer of the batch transform, cannot be read: {error}") from error
