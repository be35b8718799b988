"""Snakemake's side: submits jobs, waits for them, stops them."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from snakemake_executor_plugin_sagemaker.errors import JobError, SettingError
from snakemake_executor_plugin_sagemaker.leftovers import Found, Leftovers
from snakemake_executor_plugin_sagemaker.logs import JobLog
from snakemake_executor_plugin_sagemaker.naming import describe
from snakemake_executor_plugin_sagemaker.polling import Poller, Running, Verdict
from snakemake_executor_plugin_sagemaker.resources import TRAINING
from snakemake_executor_plugin_sagemaker.service import RETRIES, JobId, QuotaError, Service, is_passing
from snakemake_executor_plugin_sagemaker.settings import check
from snakemake_executor_plugin_sagemaker.submission import (
    Submission,
    SubmissionBuilder,
    digest_sources,
    plain_environment,
)  # fmt: skip

_PAUSE_GROWTH = 1.5
_MAX_PAUSE = 6  # times the usual one, which is 10 s


class Executor(RemoteExecutor):  # type: ignore[misc]
    """Runs each job or group of Snakemake as a job of SageMaker."""

    def __post_init__(self) -> None:
        """Check the settings and prepare the clients; nothing is sent."""
        storage = self.workflow.storage_settings
        if storage.default_storage_provider != "s3":
            raise WorkflowError("SageMaker jobs share no files with this machine: set --default-storage-provider s3.")
        self._settings = check(self.workflow.executor_settings, storage.default_storage_prefix)
        session = boto3.Session(region_name=self._settings.region)
        if session.region_name is None:
            raise SettingError("region", "your AWS configuration names no region: set one.")
        self._region = session.region_name
        s3, sagemaker, self._logs = (session.client(name, config=RETRIES) for name in ("s3", "sagemaker", "logs"))
        self._service = Service(sagemaker)
        self._poller = Poller(self._service, s3, self._region, self.logger.info)
        self._leftovers = Leftovers(self._service, self._settings.job_name_prefix)
        self._environment = plain_environment(dict(self.envvars()), self._settings)
        self._submissions: SubmissionBuilder | None = None
        # Everything that may be running, from before it is created until it is known to have ended.
        self._running: dict[JobId, Running] = {}

    def run_job(self, job: JobExecutorInterface) -> None:
        """Submit a job, or adopt what an earlier run submitted for the same."""
        try:
            submission = self._builder().build(job, self.format_job_exec(job), self._environment)
            found = self._leftovers.find(
                submission.identity, str(submission.spec_uri), self._recorded(job), lambda at: self._is_current(job, at)
            )
            running = self._track(submission, found)
            if running.waiting is None and found.adopted is None:
                self._start(job, submission, running)
        except (JobError, ClientError, BotoCoreError) as error:
            self._fail(SubmittedJobInfo(job), f"{error}\n")
            return
        self.next_seconds_between_status_checks = None
        info = SubmittedJobInfo(job, external_jobid=str(running.job), aux={"running": running})
        self.report_job_submission(info)

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Ask after each job, at most as often as Snakemake allows."""
        changed = False
        for info in active_jobs:
            running: Running = info.aux["running"]
            async with self.status_rate_limiter:
                verdict = self._poller.poll(running)
            changed |= verdict is not Verdict.SAME
            if verdict is Verdict.DONE:
                self._running.pop(running.job, None)
                self.report_job_success(info)
            elif verdict is Verdict.FAILED:
                self._fail(info, self._poller.failure(running))
            else:
                yield info
        self._pace(changed=changed)

    def additional_general_args(self) -> str:
        """Leave out of the job's log what Snakemake says here already. A text: Snakemake does not join lists."""
        return "--quiet host progress rules"

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:  # noqa: ARG002
        """Stop all that may be running, also what is being asked after just now and is in no list of Snakemake's."""
        self._poller.close()
        for running in list(self._running.values()):
            self._stop(running.job)
        self._running.clear()

    def _builder(self) -> SubmissionBuilder:
        """Made with the first job: the archive of the sources does not exist before."""
        if self._submissions is None:
            storage = self.workflow.storage_settings
            archive = self.workflow.source_archive
            self._submissions = SubmissionBuilder(
                self._settings,
                self._region,
                storage_prefix=storage.default_storage_prefix,
                local_storage=Path(storage.local_storage_prefix),
                remote_storage=Path(storage.remote_job_local_storage_prefix),
                archive=(archive.query, archive.checksum),
                sources=digest_sources(self.dag.get_sources()),
            )
        return self._submissions

    def _track(self, submission: Submission, found: Found) -> Running:
        for old in found.stopping:
            self.logger.info(f"Stopping {old} of an earlier run: it makes the same outputs in another way.")
        if found.adopted:
            self.logger.info(f"Waiting for {found.adopted} of an earlier run, which does the same.")
        job = found.adopted or submission.job
        follow = self._settings.follow_logs
        running = Running(
            job,
            submission.label,
            submission.resources.instance_type,
            JobLog(self._logs, job),
            follow=follow == "all" or (follow == "training" and job.kind == TRAINING),
            own_checkpoints=submission.own_checkpoints,
            waiting=submission if found.stopping and not found.adopted else None,
            blockers=found.stopping,
        )
        self._running[job] = running
        return running

    def _start(self, job: JobExecutorInterface, submission: Submission, running: Running) -> None:
        try:
            self._poller.start(submission)
        except QuotaError as error:
            self._running.pop(running.job)
            if not any(other.waiting is None and other.quota == running.quota for other in self._running.values()):
                # Nothing of ours will end and make room.
                raise JobError(describe(job), [str(error)]) from error
            self.logger.info(f"{submission.job.name} waits: {error}")
            running.waiting = submission
            self._running[running.job] = running
        except (ClientError, BotoCoreError) as error:
            self._running.pop(running.job)
            if is_passing(error):
                self._stop(running.job)  # whether it exists is unknown when the answer was lost
            raise

    def _recorded(self, job: JobExecutorInterface) -> set[str]:
        """What Snakemake noted of earlier submissions of the job whose end it did not see."""
        parts: Iterable[Any] = job.jobs if job.is_group() else [job]
        return {name for part in parts for name in self.workflow.persistence.external_jobids(part)}

    def _is_current(self, job: JobExecutorInterface, created: datetime) -> bool:
        """Whether no input is newer than a job of that time."""

        async def newest() -> float:
            return max([(await file.mtime()).local_or_storage() for file in job.input], default=0.0)

        return bool(self.workflow.async_run(newest()) <= created.timestamp())

    def _fail(self, info: SubmittedJobInfo, message: str) -> None:
        running = (info.aux or {}).get("running")
        if running:
            self._running.pop(running.job, None)
        if info.job.is_group():
            self.logger.error(message)  # Snakemake shows no message for groups
        self.report_job_error(info, msg=message)

    def _stop(self, job: JobId) -> None:
        try:
            self._service.stop(job)
        except (ClientError, BotoCoreError) as error:
            self.logger.error(f"Cannot stop {job.name}: {error}. Stop it yourself: {job.console_link(self._region)}")

    def _pace(self, *, changed: bool) -> None:
        """Ask less often while nothing happens."""
        usual = self.workflow.remote_execution_settings.seconds_between_status_checks
        now = self.next_seconds_between_status_checks or usual
        self.next_seconds_between_status_checks = usual if changed else min(now * _PAUSE_GROWTH, usual * _MAX_PAUSE)
