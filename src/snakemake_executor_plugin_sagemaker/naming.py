"""Names of SageMaker jobs: valid, never used twice, readable, and found again by a later run.

    snakemake-tile-slide-S-001-A-k7v2q5xw3mzd-1a09fe
    prefix    label              identity     suffix

The identity stands for what the job makes: a rule's job has the same in every run, so a run finds what an earlier one
left behind. The suffix is new for every submission, because SageMaker never forgets a name.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable

from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.utils import encode_target_jobs_cli_args

MAX_LENGTH = 63
_IDENTITY_LENGTH = 12
_SUFFIX_LENGTH = 6


def describe(job: JobExecutorInterface) -> str:
    """What messages call the job: its rule and wildcards, or its group."""
    if job.is_group():
        return f"group {job.name}"
    wildcards = ", ".join(f"{name}={value}" for name, value in job.get_target_spec()[0].wildcards_dict.items())
    return f"rule {job.name}" + (f" ({wildcards})" if wildcards else "")


def identity_of(job: JobExecutorInterface, storage_prefix: str) -> str:
    """Identity of what the job makes: its rules and wildcards, in this place of the storage."""
    return identity(encode_target_jobs_cli_args(job.get_target_spec()), storage_prefix)


def identity(targets: Iterable[str], storage_prefix: str) -> str:
    """Twelve letters and digits (60 bits) from the targets, in whatever order they come."""
    digest = hashlib.sha256("\0".join([storage_prefix, *sorted(targets)]).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_IDENTITY_LENGTH]


def label_of(job: JobExecutorInterface) -> str:
    """What a person wants to read: the rule and its wildcards, or the rules of a group and how many jobs it has."""
    targets = job.get_target_spec()
    if job.is_group():
        return "-".join([*sorted({spec.rulename for spec in targets}), str(len(targets))])
    return "-".join([job.name, *map(str, targets[0].wildcards_dict.values())])


def job_name(prefix: str, label: str, identity: str, suffix: str) -> str:
    """A name of at most 63 characters; the label is what is cut."""
    room = MAX_LENGTH - len(prefix) - len(identity) - len(suffix) - 3
    readable = re.sub(r"[^a-zA-Z0-9]+", "-", label)[:room].strip("-")
    return "-".join(part for part in (prefix, readable, identity, suffix) if part)


def new_suffix() -> str:
    """Six characters that no earlier submission of the job had."""
    return secrets.token_hex(_SUFFIX_LENGTH // 2)


def identity_in(name: str, prefix: str) -> str | None:
    """Identity in the name of a job; None if the name is not one of ours."""
    ours = re.fullmatch(rf"{re.escape(prefix)}-.*?([a-z2-7]{{{_IDENTITY_LENGTH}}})-[0-9a-f]{{{_SUFFIX_LENGTH}}}", name)
    return ours[1] if ours else None
