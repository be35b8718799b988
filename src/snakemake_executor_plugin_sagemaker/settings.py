"""The options `--sagemaker-*`, and what they mean once they are checked."""

import re
from dataclasses import dataclass, field
from typing import Any

from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase

from snakemake_executor_plugin_sagemaker.errors import SettingError
from snakemake_executor_plugin_sagemaker.s3 import S3Uri

FOLLOW = ("training", "all", "none")
MAX_PREFIX = 20
_PREFIX = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _option(default: Any, text: str, **metadata: Any) -> Any:
    # Snakemake cannot read `str | None`: such options name their type.
    if metadata.get("nargs"):
        return field(default_factory=list, metadata={"help": text, "required": False, **metadata})
    return field(default=default, metadata={"help": text, "required": False, **metadata})


@dataclass
class ExecutorSettings(ExecutorSettingsBase):  # type: ignore[misc]
    """Options of the command line and keys of a profile. Rules set the rest by resources (see `resources`)."""

    role: str | None = _option(
        None,
        "ARN of the role that jobs run as. It needs the bucket, the image and CloudWatch Logs. Jobs get no other "
        "credentials.",
        type=str,
        env_var=True,
        required=True,
    )
    image: str | None = _option(
        None,
        "Image for jobs whose rule sets no sagemaker_image. It holds Snakemake, this plugin and the S3 plugin.",
        type=str,
    )
    region: str | None = _option(None, "AWS region. Default: that of your AWS configuration.", type=str)
    staging: str | None = _option(
        None,
        "S3 location for the plugin's own objects: commands of jobs, checkpoints. Default: .sagemaker below the "
        "default storage prefix.",
        type=str,
    )
    instance_type: str = _option("ml.m5.xlarge", "Instance type of jobs without sagemaker_instance_type.")
    volume_gb: int = _option(
        30, "Size of the volume in GB, where neither sagemaker_volume_gb nor disk_mb ask for more."
    )
    runtime: int = _option(1440, "Minutes after which a job without the resource runtime is stopped.")
    subnets: list[str] = _option(None, "Subnets for jobs, in your VPC.", nargs="+")
    security_groups: list[str] = _option(None, "Security groups for jobs, in your VPC.", nargs="+")
    tags: list[str] = _option(None, "Tags of all jobs, as KEY=VALUE.", nargs="+")
    plain_envvars: list[str] = _option(
        None, "Environment variables of the workflow's envvars: directive that are no secrets. Jobs get their values.",
        nargs="+",
    )  # fmt: skip
    secrets: list[str] = _option(
        None,
        "Environment variables that jobs read from AWS Secrets Manager, by their role, as NAME=ARN.",
        nargs="+",
    )
    job_name_prefix: str = _option("snakemake", f"How names of jobs begin, {MAX_PREFIX} characters at most.")
    host_wait: int = _option(10, "Minutes that the hosts of a job wait for each other at its start.")
    follow_logs: str = _option(
        "training", "Show log lines of running jobs: of training jobs, of all or of none.", choices=list(FOLLOW)
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings.

    Attributes:
        staging: where the plugin keeps its own objects.
        tags, secrets: pairs in the given order.
    """

    role: str
    image: str | None
    region: str | None
    staging: S3Uri
    instance_type: str
    volume_gb: int
    runtime: int
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    tags: dict[str, str]
    plain_envvars: frozenset[str]
    secrets: dict[str, str]
    job_name_prefix: str
    host_wait: int
    follow_logs: str


def check(raw: ExecutorSettings, storage_prefix: str | None) -> Settings:
    """Check what the user set.

    Args:
        storage_prefix: prefix of the default storage, `s3://...`.
    Raises:
        SettingError: a setting that cannot work.
    """
    if not raw.role:
        raise SettingError("role", "give the ARN of the role that jobs run as.")
    if len(raw.job_name_prefix) > MAX_PREFIX or not _PREFIX.fullmatch(raw.job_name_prefix):
        raise SettingError(
            "job_name_prefix",
            f"'{raw.job_name_prefix}': expected at most {MAX_PREFIX} letters, digits and inner hyphens.",
        )
    if raw.follow_logs not in FOLLOW:
        raise SettingError("follow_logs", f"'{raw.follow_logs}': expected one of {', '.join(FOLLOW)}.")
    for option in ("volume_gb", "runtime", "host_wait"):
        if getattr(raw, option) < 1:
            raise SettingError(option, f"{getattr(raw, option)}: expected at least 1.")
    if bool(raw.subnets) != bool(raw.security_groups):
        raise SettingError("subnets", "subnets and security groups go together: set both or none.")
    return Settings(
        role=raw.role,
        image=raw.image,
        region=raw.region,
        staging=_staging(raw.staging, storage_prefix),
        instance_type=raw.instance_type,
        volume_gb=raw.volume_gb,
        runtime=raw.runtime,
        subnets=tuple(raw.subnets),
        security_groups=tuple(raw.security_groups),
        tags=_pairs("tags", raw.tags),
        plain_envvars=frozenset(raw.plain_envvars),
        secrets=_secrets(raw.secrets),
        job_name_prefix=raw.job_name_prefix,
        host_wait=raw.host_wait,
        follow_logs=raw.follow_logs,
    )


def _staging(staging: str | None, storage_prefix: str | None) -> S3Uri:
    text = staging or storage_prefix
    if not text:
        raise SettingError("staging", "give an S3 location, or set --default-storage-prefix.")
    try:
        uri = S3Uri.parse(text)
    except ValueError as error:
        raise SettingError("staging", str(error)) from None
    return uri if staging else uri.child(".sagemaker")


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise SettingError(option, f"'{text}': expected NAME=VALUE.")
        pairs[name] = value
    return pairs


def _secrets(texts: list[str]) -> dict[str, str]:
    secrets = _pairs("secrets", texts)
    for name, arn in secrets.items():
        if not _VARIABLE.fullmatch(name) or not arn.startswith("arn:"):
            raise SettingError("secrets", f"'{name}={arn}': expected NAME=ARN of a secret in AWS Secrets Manager.")
    return secrets
