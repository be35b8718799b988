"""The stand-in, started anew for each file of tests, which count its jobs."""

from collections.abc import Iterator

import pytest

from ..workflow.conftest import finished as on_one_machine  # noqa: F401 - a fixture
from ..workflow.conftest import probed_on_one_machine  # noqa: F401 - a fixture
from .standin import StandIn
from .standin.hosts import why_impossible


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """SageMaker, S3 and CloudWatch Logs on this machine."""
    problem = why_impossible()
    if problem:
        pytest.skip(f"the stand-in of SageMaker cannot run here: {problem}")
    with StandIn(tmp_path_factory.mktemp("sagemaker"), grace_seconds=60.0) as service:
        yield service
