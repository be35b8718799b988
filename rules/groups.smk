# Jobs of one group travel together, as one job of a cluster or of a cloud: `group-components` of a profile says how many
# slides make one. Without such a profile every job is on its own.
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
