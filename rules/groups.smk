# Jobs of one group travel together, as one job of a cluster or of a cloud: `group-components` of a profile says how many
# slides make one. Without such a profile every job is on its own.
from snakemake.dag import DAG
from snakemake.spawn_jobs import SpawnedJobArgsFactory


class GroupArguments(SpawnedJobArgsFactory):
    """What the Snakemake that runs a group is told, too: to stay together, and to let no failing slide end the others."""

    def general_args(self, executor_common_settings):
        return " ".join(
            [
                super().general_args(executor_common_settings),
                self.get_group_args(),
                self.workflow_property_to_arg("execution_settings.keep_going"),
            ]
        )


# Snakemake has no setting for it, and reads no profile in jobs.
type(workflow).spawned_job_args_factory = property(GroupArguments)

if not workflow.group_settings.overwrite_groups:
    # Whether a group depends on itself takes Snakemake a time that grows with the square of the slides: 100 seconds for
    # 5,000. The groups of the rules do not; those that `--groups` makes are looked at.
    DAG._check_groups = lambda dag: None


def failed_jobs():
    """Rule, slide and log of each job that failed and did not give its outputs, for the end of what is printed."""
    jobs = sorted(
        (
            job
            for failed in workflow.scheduler.failed
            for job in (failed if failed.is_group() else [failed])
        ),
        key=str,
    )
    lines = [
        f"  {job.rule.name} {' '.join(job.wildcards)}: {job.log[0] if Path(job.log[0]).exists() else 'not started'}"
        for job in jobs
        if not all(Path(file).exists() for file in job.output)
    ]
    return "\n".join(["These jobs failed; the log of each says why:", *lines])


def packed(group):
    """The group, if its jobs are to travel together: groups of one job make planning take half as long again."""

    @called_for_each_job
    def group_of_job(wildcards):
        return group if group in workflow.group_settings.group_components else None

    return group_of_job
