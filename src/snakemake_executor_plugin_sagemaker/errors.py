"""Errors that name what the user wrote: a rule and a resource, or a setting."""

from snakemake_interface_common.exceptions import WorkflowError


class SettingError(WorkflowError):
    """A setting of the plugin that cannot work; nothing is submitted."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"--sagemaker-{option.replace('_', '-')}: {problem}")


class JobError(WorkflowError):
    """A job that cannot be submitted as its rule or group asks for it.

    Attributes:
        problems: a sentence for each problem, all that were found.
    """

    def __init__(self, job: str, problems: list[str]) -> None:
        super().__init__(f"{job}: " + " ".join(problems))
        self.problems = problems
