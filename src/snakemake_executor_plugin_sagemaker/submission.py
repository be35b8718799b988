"""From a job of Snakemake to what is sent for it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from snakemake_executor_plugin_sagemaker.channels import channel_files
from snakemake_executor_plugin_sagemaker.errors import JobError, SettingError
from snakemake_executor_plugin_sagemaker.naming import describe, identity_of, job_name, label_of, new_suffix
from snakemake_executor_plugin_sagemaker.requests import build_request
from snakemake_executor_plugin_sagemaker.resources import (
    PROCESSING,
    TRAINING,
    JobResources,
    read_resources,
    values_of,
)  # fmt: skip
from snakemake_executor_plugin_sagemaker.s3 import S3Uri
from snakemake_executor_plugin_sagemaker.service import JobId, job_noun
from snakemake_executor_plugin_sagemaker.settings import Settings
from snakemake_executor_plugin_sagemaker.spec import JOB_VARIABLE, SPEC_VARIABLE, Spec, digest
from snakemake_executor_plugin_sagemaker.validation import find_problems

# The S3 plugin finds credentials by itself: those of the role. Place and region are no secrets.
_ROLE_INSTEAD = {f"SNAKEMAKE_STORAGE_S3_{name}" for name in ("ACCESS_KEY", "SECRET_KEY", "TOKEN")}
_PLAIN = {f"SNAKEMAKE_STORAGE_S3_{name}" for name in ("ENDPOINT_URL", "REGION")}


@dataclass(frozen=True, slots=True)
class Submission:
    """All that creates a job.

    Attributes:
        job: its kind and its new name.
        spec_uri: where `spec` is to be stored; the same for submissions that do the same.
        own_checkpoints: the place of its checkpoints, if the plugin chose it.
    """

    job: JobId
    label: str
    identity: str
    request: dict[str, Any]
    spec: Spec
    spec_uri: S3Uri
    resources: JobResources
    own_checkpoints: S3Uri | None


class SubmissionBuilder:
    """Makes submissions of the jobs of one run.

    Args:
        storage_prefix: prefix of the default storage.
        local_storage, remote_storage: folders of Snakemake's copies of stored files, here and in jobs.
        archive: words of Snakemake's commands that name the archive of sources.
        sources: digest of the sources.
    """

    def __init__(
        self,
        settings: Settings,
        region: str,
        *,
        storage_prefix: str,
        local_storage: Path,
        remote_storage: Path,
        archive: tuple[str, ...],
        sources: str,
    ) -> None:
        self._settings = settings
        self._region = region
        self._storage_prefix = storage_prefix
        self._local_storage = local_storage
        self._remote_storage = remote_storage
        self._archive = archive
        self._sources = sources

    def build(self, job: JobExecutorInterface, command: str, environment: dict[str, str]) -> Submission:
        """Everything that is sent for the job, checked.

        Raises:
            JobError: the job cannot be submitted as it is.
        """
        identity = identity_of(job, self._storage_prefix)
        resources = read_resources(
            describe(job), values_of(job), self._settings, identity=identity, storage_prefix=self._storage_prefix
        )
        spec = self._spec(job, resources, command, environment)
        name = job_name(self._settings.job_name_prefix, label_of(job), identity, new_suffix())
        kind = TRAINING if resources.training else PROCESSING
        rule = label_of(job) if job.is_group() else job.name
        content = digest(spec, build_request("", resources, self._settings, rule, {}), self._archive, self._sources)
        uri = self._settings.staging.child(f"specs/{identity}/{content[:32]}.json")
        request = build_request(
            name, resources, self._settings, rule, {SPEC_VARIABLE: str(uri), JOB_VARIABLE: name}
        )  # fmt: skip
        problems = find_problems(f"Create{job_noun(kind)}", request)
        if problems:
            raise JobError(describe(job), problems)
        checkpoints = resources.training.checkpoints if resources.training else None
        own = checkpoints if checkpoints == self._settings.staging.child(f"checkpoints/{identity}") else None
        return Submission(JobId(kind, name), label_of(job), identity, request, spec, uri, resources, own)

    def _spec(
        self, job: JobExecutorInterface, resources: JobResources, command: str, environment: dict[str, str]
    ) -> Spec:
        channels = resources.training.channels if resources.training else ()
        inputs = ((self._in_job(file), file.storage_object.query) for file in job.input if _is_downloaded(file))
        return Spec(
            command=command,
            region=self._region,
            environment=environment,
            secrets=self._settings.secrets,
            channel_files=tuple(channel_files(inputs, channels)),
            logs=tuple(self._in_job(file) for file in job.log),
            staging=str(self._settings.staging),
            host_wait_seconds=60.0 * self._settings.host_wait,
        )

    def _in_job(self, file: Any) -> str:
        """Path of a file in the job's working folder."""
        if not _is_downloaded(file):
            return str(file)
        return str(self._remote_storage / Path(file).relative_to(self._local_storage))


def _is_downloaded(file: Any) -> bool:
    """Whether Snakemake makes a local copy; of `storage(..., retrieve=False)` it does not."""
    return bool(file.is_storage) and not file.should_not_be_retrieved_from_storage


def plain_environment(envvars: dict[str, str], settings: Settings) -> dict[str, str]:
    """Of the variables that Snakemake wants jobs to have, those that may be seen.

    Raises:
        SettingError: a variable is neither said to be plain nor to be a secret.
    """
    plain = _PLAIN | settings.plain_envvars
    unknown = sorted(set(envvars) - plain - set(settings.secrets) - _ROLE_INSTEAD)
    if unknown:
        raise SettingError(
            "secrets",
            f"the workflow wants jobs to have {', '.join(unknown)}. Values never travel in the open by themselves: "
            "name a secret in AWS Secrets Manager for each (NAME=ARN), or list those that are no secrets in "
            "--sagemaker-plain-envvars.",
        )
    return {name: envvars[name] for name in sorted(plain & set(envvars))}


def digest_sources(files: Iterator[str]) -> str:
    """Digest of the workflow's sources, by name and content."""
    digest = hashlib.sha256()
    for name in sorted(set(files)):
        path = Path(name)
        if path.is_file():
            digest.update(f"{name}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
