"""What a job asks for: its resources `sagemaker_*` and `runtime`, checked, with the settings behind them."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from snakemake_executor_plugin_sagemaker.channels import MODES, Channel, parse_channels
from snakemake_executor_plugin_sagemaker.errors import JobError
from snakemake_executor_plugin_sagemaker.naming import describe
from snakemake_executor_plugin_sagemaker.s3 import S3Uri
from snakemake_executor_plugin_sagemaker.settings import Settings

PROCESSING, TRAINING = "processing", "training"
JOBS = (PROCESSING, TRAINING)
TRAINING_ONLY = ("spot", "max_wait", "checkpoints", "keep_alive", "channels", "input_mode")
NAMES = (
    "job", "instance_type", "instance_count", "volume_gb", "image", "subnets", "security_groups", "tags", *TRAINING_ONLY
)  # fmt: skip
MAX_KEEP_ALIVE_MINUTES = 360


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What only training jobs have.

    Attributes:
        max_wait: minutes, waiting for spot capacity included; None without spot.
        checkpoints: where /opt/ml/checkpoints is kept; None: it is not.
        keep_alive: minutes that instances stay warm for the next job.
    """

    channels: tuple[Channel, ...] = ()
    input_mode: str = "FastFile"
    max_wait: int | None = None
    checkpoints: S3Uri | None = None
    keep_alive: int = 0


@dataclass(frozen=True, slots=True)
class JobResources:
    """What a job asks for.

    Attributes:
        runtime: minutes.
        training: None for a processing job.
    """

    image: str
    instance_type: str
    instance_count: int
    volume_gb: int
    runtime: int
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    tags: Mapping[str, str]
    training: TrainingOptions | None


def values_of(job: JobExecutorInterface) -> dict[str, Any]:
    """Resources of the job. In a group each sagemaker_* number is the largest of its jobs, not their sum.

    Raises:
        JobError: jobs of a group ask for different texts.
    """
    values = dict(job.resources.items())
    if not job.is_group():
        return values
    problems = []
    parts = [dict(part.resources.items()) for part in job.jobs]
    for name in sorted({name for part in parts for name in part if name.startswith("sagemaker_")}):
        wanted = {part[name] for part in parts if name in part}
        if all(isinstance(value, int) for value in wanted):
            values[name] = max(wanted)
        elif len(wanted) == 1:
            values[name] = wanted.pop()
        else:
            problems.append(f"{name}: its jobs ask for {', '.join(sorted(map(str, wanted)))}.")
    if problems:
        raise JobError(describe(job), problems)
    return values


def read_resources(
    job: str, values: Mapping[str, Any], settings: Settings, *, identity: str, storage_prefix: str
) -> JobResources:
    """Check what the job asks for.

    Args:
        job: what messages call it.
        identity: of the job; its default place for checkpoints is named after it.
        storage_prefix: of the default storage.
    Raises:
        JobError: with all problems that were found.
    """
    return _Reader(job, values, settings, identity, storage_prefix).read()


class _Reader:
    """Reads values one by one and collects what is wrong with them."""

    def __init__(
        self, job: str, values: Mapping[str, Any], settings: Settings, identity: str, storage_prefix: str
    ) -> None:
        self._job = job
        self._values = values
        self._settings = settings
        self._identity = identity
        self._storage_prefix = storage_prefix
        self._problems: list[str] = []

    def read(self) -> JobResources:
        self._refuse_unknown()
        kind = self._text("job", PROCESSING)
        if kind not in JOBS:
            self._problem("job", f"'{kind}': expected one of {', '.join(JOBS)}.")
        image = self._text("image", self._settings.image or "")
        if not image:
            self._problem("image", "no image: set --sagemaker-image, or this resource.")
        runtime = self._minutes("runtime", self._settings.runtime)
        subnets = self._list("subnets", self._settings.subnets)
        security_groups = self._list("security_groups", self._settings.security_groups)
        if bool(subnets) != bool(security_groups):
            self._problem("subnets", "subnets and security groups go together: set both or none.")
        resources = JobResources(
            image=image,
            instance_type=self._text("instance_type", self._settings.instance_type),
            instance_count=self._number("instance_count", 1, at_least=1),
            volume_gb=self._volume(),
            runtime=runtime,
            subnets=subnets,
            security_groups=security_groups,
            tags=self._tags(),
            training=self._training(runtime) if kind == TRAINING else None,
        )
        if kind == PROCESSING:
            self._refuse_training_only()
        if self._problems:
            raise JobError(self._job, self._problems)
        return resources

    def _training(self, runtime: int) -> TrainingOptions:
        mode = self._text("input_mode", "FastFile")
        if mode not in MODES:
            self._problem("input_mode", f"'{mode}': expected one of {', '.join(MODES)}.")
            mode = "FastFile"
        keep_alive = self._number("keep_alive", 0)
        if keep_alive > MAX_KEEP_ALIVE_MINUTES:
            self._problem("keep_alive", f"{keep_alive} minutes: {MAX_KEEP_ALIVE_MINUTES} at most.")
        spot = bool(self._number("spot", 0))
        if spot and keep_alive:
            self._problem("keep_alive", "spot instances cannot be kept alive.")
        return TrainingOptions(
            channels=self._channels(mode),
            input_mode=mode,
            max_wait=self._max_wait(runtime, spot=spot),
            checkpoints=self._checkpoints(spot=spot),
            keep_alive=keep_alive,
        )

    def _refuse_training_only(self) -> None:
        for name in TRAINING_ONLY:
            if self._get(name, 0):
                self._problem(name, 'only for training jobs: add sagemaker_job="training".')

    def _channels(self, mode: str) -> tuple[Channel, ...]:
        text = self._text("channels", "")
        try:
            return parse_channels(text, mode, self._storage_prefix) if text else ()
        except ValueError as error:
            self._problem("channels", str(error))
            return ()

    def _max_wait(self, runtime: int, *, spot: bool) -> int | None:
        wait = self._number("max_wait", 2 * runtime if spot else 0)
        if not spot and wait:
            self._problem("max_wait", "only with sagemaker_spot=1.")
        if spot and wait < runtime:
            self._problem("max_wait", f"{wait} minutes are less than the runtime of {runtime}.")
        return wait if spot else None

    def _checkpoints(self, *, spot: bool) -> S3Uri | None:
        text = str(self._get("checkpoints", "default" if spot else ""))
        if text in ("", "0"):
            return None
        if text in ("1", "default"):
            return self._settings.staging.child(f"checkpoints/{self._identity}")
        try:
            return S3Uri.parse(text)
        except ValueError as error:
            self._problem("checkpoints", str(error))
            return None

    def _volume(self) -> int:
        disk = self._values.get("disk_mb", 0)  # not a number while inputs are still to be made
        needed = math.ceil(disk / 1000) if isinstance(disk, int) else 0
        return self._number("volume_gb", max(self._settings.volume_gb, needed), at_least=1)

    def _tags(self) -> dict[str, str]:
        tags = dict(self._settings.tags)
        for text in self._list("tags", ()):
            key, equals, value = text.partition("=")
            if not key or not equals:
                self._problem("tags", f"'{text}': expected KEY=VALUE.")
            tags[key] = value
        return tags

    def _refuse_unknown(self) -> None:
        for name in self._values:
            short = name.removeprefix("sagemaker_")
            if short != name and short not in NAMES:
                close = difflib.get_close_matches(short, NAMES, 1)
                self._problem(short, f"no such resource{f': did you mean sagemaker_{close[0]}?' if close else '.'}")

    def _minutes(self, name: str, default: int) -> int:
        value = self._values.get(name, default)
        if isinstance(value, int) and value >= 1:
            return value
        self._problems.append(f"{name}: '{value}': expected minutes, at least 1.")
        return default

    def _list(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        text = self._text(name, "")
        return tuple(part.strip() for part in text.split(",") if part.strip()) if text else default

    def _number(self, name: str, default: int, *, at_least: int = 0) -> int:
        value = self._get(name, default)
        if isinstance(value, int) and value >= at_least:
            return int(value)
        self._problem(name, f"'{value}': expected a whole number, at least {at_least}.")
        return default

    def _text(self, name: str, default: str) -> str:
        value = self._get(name, default)
        if isinstance(value, str):
            return value
        self._problem(name, f"{value}: expected a text.")
        return default

    def _get(self, name: str, default: Any) -> Any:
        return self._values.get(f"sagemaker_{name}", default)

    def _problem(self, name: str, text: str) -> None:
        self._problems.append(f"sagemaker_{name}: {text}")
