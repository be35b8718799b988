"""What the workflow needs of Snakemake's inside: names that Snakemake's documentation does not promise.

They are used in this module and nowhere else. Where one is gone from a later Snakemake, what only saves time is left
out, and what the workflow cannot do without ends it with a sentence. `tests/workflow/test_snakemake_internals.py` has a
test for each, which also notices when a name stays and means something else.
"""

import atexit
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import snakemake
import snakemake.common
import snakemake.dag
import snakemake.io
import snakemake.persistence
import snakemake.resources
import snakemake.scheduling.job_scheduler
import snakemake.spawn_jobs
from snakemake.exceptions import WorkflowError

Function = TypeVar("Function", bound=Callable[..., Any])


def inside(owner: Any, path: str) -> Any:
    """An attribute, or one of an attribute of it (`a.b`).

    Raises:
        WorkflowError: this Snakemake does not have it.
    """
    try:
        return attrgetter(path)(owner)
    except AttributeError:
        name = getattr(owner, "__name__", type(owner).__name__)
        raise WorkflowError(
            f"Snakemake {snakemake.__version__} has no '{path}' in {name}, which this workflow needs. "
            "Install the Snakemake that uv.lock names."
        ) from None


def called_for_each_job(function: Function) -> Function:
    """Say once which arguments a function takes: Snakemake finds it out anew for each call, an eighth of its work."""
    overwrite = getattr(snakemake.common, "overwrite_function_params", None)
    if overwrite is not None:
        overwrite(function, inspect.signature(function).parameters)
    return function


def evaluate_resources_quickly() -> None:
    """The same for the function of Snakemake itself that gives a job each of its resources."""
    evaluate = getattr(snakemake.resources.Resource, "evaluate", None)
    if evaluate is not None:
        called_for_each_job(evaluate)


def trust_groups(workflow: Any) -> None:
    """Do not look whether groups depend on themselves, unless `--groups` makes other ones than the rules do.

    Snakemake looks twice, and both take a time that grows with the square of the slides: 100 and 5 seconds for 5,000.
    The groups of the rules do not depend on themselves.
    """
    for name in ("_check_groups", "validate_group"):
        look = getattr(snakemake.dag.DAG, name, None)
        if look is not None:
            setattr(snakemake.dag.DAG, name, _only_where_groups_are_given(workflow, look))


def _only_where_groups_are_given(workflow: Any, look: Callable[..., None]) -> Callable[..., None]:
    def look_where_groups_are_given(*arguments: Any) -> None:
        # Asked when Snakemake looks: while rules are read, it has not been told of groups yet.
        if inside(workflow, "group_settings.overwrite_groups"):
            look(*arguments)

    return look_where_groups_are_given


def forget_command(workflow: Any, rule: str) -> None:
    """Take the function that Snakemake keeps for a rule from the globals, which it copies for each command."""
    inside(workflow, "globals").pop(f"__{rule}", None)


def set_resources(workflow: Any, rule: str) -> dict[str, Any]:
    """What `--set-resources RULE:RESOURCE=VALUE` and profiles say of a rule, to be the resources of another one."""
    return {name: _value_for_a_rule(resource) for name, resource in _overwritten(workflow, rule).items()}


def raw_resource(workflow: Any, rule: str, name: str) -> Any:
    """One of them as it is written there; None where none is said."""
    resource = _overwritten(workflow, rule).get(name)
    return None if resource is None else inside(resource, "raw")


def drop_set_resource(workflow: Any, rule: str, name: str) -> None:
    """Forget one of them, for this Snakemake and those of its jobs. To be called before the rule is read."""
    resources = _overwritten(workflow, rule)
    if name in resources:
        others = {key: value for key, value in resources.items() if key != name}
        inside(workflow, "resource_settings.overwrite_resources")[rule] = type(resources)(others)


def _overwritten(workflow: Any, rule: str) -> Any:
    settings = inside(workflow, "resource_settings.overwrite_resources")
    return inside(snakemake.resources, "Resources.from_mapping")(settings.get(rule, {}))


def _value_for_a_rule(resource: Any) -> Any:
    if not resource.is_evaluable():
        return resource.value

    def evaluate(wildcards: Any, **about_the_job: Any) -> Any:
        return resource.evaluate(wildcards, **about_the_job).value

    return evaluate


def set_threads(workflow: Any, rule: str, otherwise: int) -> Any:
    """What `--set-threads` and profiles say of a rule."""
    return inside(workflow, "resource_settings.overwrite_threads").get(rule, otherwise)


def is_grouped(workflow: Any, group: str) -> bool:
    """Whether `--group-components` or a profile says how many jobs of a group travel together."""
    return group in inside(workflow, "group_settings.group_components")


def storage_prefix(workflow: Any) -> str | None:
    """The address of the default storage, if there is one."""
    return inside(workflow, "storage_settings.default_storage_prefix")


def executor_settings(workflow: Any) -> Any:
    """The options of the executor; None in a dry run, which has none."""
    return inside(workflow, "executor_settings")


def seconds_between_status_checks(workflow: Any) -> float:
    """How often the executor asks after jobs."""
    return float(inside(workflow, "remote_execution_settings.seconds_between_status_checks"))


def sends_jobs(workflow: Any) -> bool:
    """Whether this is the Snakemake that the user started, and not one that runs a job of it."""
    return bool(inside(workflow, "is_main_process"))


def config_of_command_line(workflow: Any) -> Mapping[str, Any]:
    """What `--config` gave. Below its first level all values are text."""
    given: Mapping[str, Any] = inside(workflow, "config_settings.config")
    return given


def config_files(workflow: Any) -> list[Path]:
    """The config files that were read so far."""
    return [Path(file) for file in inside(workflow, "configfiles")]


def send_with_sources(workflow: Any, file: Path) -> None:
    """Let jobs on machines without this file system have a file, as they have configs."""
    inside(workflow, "configfiles").append(file)


def compare_by_content(is_compared: Callable[[str], bool], content_of: Callable[[str], str | None]) -> None:
    """Let what a local file holds decide whether it has changed since a job read it, and not its time.

    Snakemake compares contents only of small files, and only of those whose time is newer.

    Args:
        is_compared: whether this is so for a file, by its path.
        content_of: what such a file holds; None if that cannot be told.
    """
    file = inside(snakemake.io, "_IOFile")
    persistence = inside(snakemake.persistence, "PersistenceBase")
    is_newer, checksum = inside(file, "is_newer"), inside(file, "checksum")
    is_eligible = inside(file, "is_checksum_eligible")
    recorded = inside(persistence, "input_checksums")

    def is_told(one: Any) -> bool:
        return not one.is_storage and is_compared(str(one))

    def told(one: Any) -> str | None:
        content = content_of(str(one))
        return content and f"slidemill:{content}"

    async def told_or_is_newer(self: Any, time: Any) -> bool:
        return is_told(self) or await is_newer(self, time)

    async def told_or_checksum(self: Any, *arguments: Any, **options: Any) -> Any:
        return told(self) if is_told(self) else await checksum(self, *arguments, **options)

    async def told_or_is_eligible(self: Any, threshold: Any) -> bool:
        return is_told(self) or await is_eligible(self, threshold)

    def recorded_or_told(self: Any, job: Any, one: Any) -> Any:
        found = recorded(self, job, one)
        if found == {None} and is_told(one) and not _is_newer_than_outputs(one, job):
            return {told(one)}  # nothing is known of the last run but times
        return found

    file.is_newer, file.checksum, file.is_checksum_eligible = told_or_is_newer, told_or_checksum, told_or_is_eligible
    persistence.input_checksums = recorded_or_told


def _is_newer_than_outputs(file: Any, job: Any) -> bool:
    outputs = [Path(output).stat().st_mtime for output in job.output if Path(output).exists()]
    return Path(file).stat().st_mtime > min(outputs, default=0.0)


def keep_groups_together(workflow: Any) -> None:
    """Tell the Snakemake that runs a group, too, to stay together, and to let no failing slide end the others.

    Snakemake has no setting for it, and reads no profile in jobs.
    """
    factory = inside(snakemake.spawn_jobs, "SpawnedJobArgsFactory")

    class GroupArguments(factory):  # type: ignore[misc, valid-type]
        def general_args(self, executor_common_settings: Any) -> str:
            return " ".join(
                [
                    super().general_args(executor_common_settings),
                    self.get_group_args(),
                    self.workflow_property_to_arg("execution_settings.keep_going"),
                ]
            )

    inside(workflow, "spawned_job_args_factory")
    type(workflow).spawned_job_args_factory = property(GroupArguments)


def end_by_sigterm(rule: str, mark: Path) -> None:
    """Let a file appear on SIGTERM while nothing but a rule's job runs, which then has to end by itself.

    Snakemake waits for jobs that run, and such a job would never end.
    """
    scheduler = snakemake.scheduling.job_scheduler.JobScheduler
    wait_for_jobs = getattr(scheduler, "exit_gracefully", None)
    if wait_for_jobs is None:
        return
    mark.unlink(missing_ok=True)  # of another process that had this number

    def end(self: Any, *arguments: Any) -> None:
        running = inside(self, "running")
        if running and all(inside(job, "name") == rule for job in running):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
            atexit.register(mark.unlink, missing_ok=True)
        else:
            wait_for_jobs(self, *arguments)

    scheduler.exit_gracefully = end


def leave_locks_of_others() -> None:
    """A Snakemake that neither makes nor reads a file takes no lock, and removes none when it ends.

    It would remove those of a Snakemake that runs beside it.
    """
    base = getattr(snakemake.persistence, "PersistenceBase", None)
    take_lock = getattr(base, "lock", None)
    if base is None or take_lock is None:
        return

    @contextmanager
    def lock(self: Any) -> Iterator[None]:
        has_files = any(inside(self, "all_outputfiles")()) or any(inside(self, "all_inputfiles")())
        with take_lock(self) if has_files else nullcontext():
            yield

    base.lock = lock


def benchmark_files(workflow: Any) -> list[str]:
    """The benchmark file of each rule so far that has one, with its wildcards and their constraints in braces."""
    return [str(rule.benchmark) for rule in inside(workflow, "rules") if inside(rule, "benchmark")]


class FailedJob(NamedTuple):
    """A job that failed and did not give its outputs; `log` may not be there."""

    rule: str
    wildcards: list[str]
    log: Path


def failed_jobs(workflow: Any) -> Iterator[FailedJob]:
    """Jobs that failed and did not give their outputs, alone or in a group, in order."""
    failed = inside(workflow, "scheduler.failed")
    for job in sorted((job for one in failed for job in (one if one.is_group() else [one])), key=str):
        if not all(Path(file).exists() for file in job.output):
            yield FailedJob(job.rule.name, list(job.wildcards), Path(job.log[0]))
