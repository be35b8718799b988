"""The tests that Snakemake has for every executor plugin, with the local stand-in in place of MinIO and SageMaker."""

import pytest
import snakemake.common.tests
from snakemake.settings.types import RemoteExecutionSettings

from snakemake_executor_plugin_sagemaker import ExecutorSettings

from .conftest import IMAGE, ROLE


@pytest.mark.slow
class TestUpstream(snakemake.common.tests.TestWorkflowsMinioPlayStorageBase):
    __test__ = True

    @pytest.fixture(autouse=True)
    def local_service(self, standin, monkeypatch):
        for name, value in standin.environment.items():
            monkeypatch.setenv(name, value)
        self._environment = standin.environment

    def get_executor(self):
        return "sagemaker"

    def get_executor_settings(self):
        return ExecutorSettings(role=ROLE, image=IMAGE)

    def get_remote_execution_settings(self):
        return RemoteExecutionSettings(seconds_between_status_checks=1, envvars=self.get_envvars())

    def get_assume_shared_fs(self):
        return False

    @property
    def endpoint_url(self):
        return self._environment["AWS_ENDPOINT_URL"]

    @property
    def access_key(self):
        return "stand-in"

    @property
    def secret_key(self):
        return "stand-in"
