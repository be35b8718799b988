"""Snakemake executor plugin that runs each job as an Amazon SageMaker Processing or Training job."""

from typing import Any

from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

from snakemake_executor_plugin_sagemaker.settings import ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    job_deploy_sources=True,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,  # values would stand in the open: see `submission.plain_environment`
    auto_deploy_default_storage_provider=False,  # the image holds it
    init_seconds_before_status_checks=1,
)


class Executor(RemoteExecutor):  # type: ignore[misc]
    """Makes the executor.

    Every Snakemake imports all plugins that are installed; boto3 is imported by one that runs jobs here.
    """

    def __new__(cls, *arguments: Any, **options: Any) -> RemoteExecutor:
        """An executor of `snakemake_executor_plugin_sagemaker.executor`."""
        from snakemake_executor_plugin_sagemaker.executor import Executor as SagemakerExecutor

        return SagemakerExecutor(*arguments, **options)
