# Jobs of one group travel together, as one job of a cluster or of a cloud: `group-components` of a profile says how many
# slides make one. Without such a profile every job is on its own.

snakemake_internals.keep_groups_together(workflow)
snakemake_internals.trust_groups(workflow)


def failed_jobs():
    """Rule, slide and log of each job that failed and did not give its outputs, for the end of what is printed; nothing
    where none did, as after Ctrl-C."""
    lines = [
        f"  {job.rule} {' '.join(job.wildcards)}: {job.log if job.log.exists() else 'not started'}"
        for job in snakemake_internals.failed_jobs(workflow)
    ]
    if not lines:
        return ""
    return "\n".join(["These jobs failed; the log of each says why:", *lines, ""])


def packed(group):
    """The group, if its jobs are to travel together: groups of one job make planning take half as long again."""

    @called_for_each_job
    def group_of_job(wildcards):
        # Asked for each job: while rules are read, Snakemake has not been told of groups yet.
        return group if snakemake_internals.is_grouped(workflow, group) else None

    return group_of_job
