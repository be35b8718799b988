"""The stand-in, started anew for each file of tests, which count its jobs; and one in which the workflow has run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..workflow.conftest import bagged_on_one_machine, probed_on_one_machine  # noqa: F401 - fixtures
from ..workflow.conftest import finished as on_one_machine  # noqa: F401 - a fixture
from .checkout import Checkout, Finished, make_checkout
from .standin import StandIn
from .standin.hosts import why_impossible

GRACE_SECONDS = 600.0  # programs of tests end by themselves; no slow machine cuts them short


@contextmanager
def _started(folder: Path) -> Iterator[StandIn]:
    problem = why_impossible()
    if problem:
        pytest.skip(f"the stand-in of SageMaker cannot run here: {problem}")
    with StandIn(folder, grace_seconds=GRACE_SECONDS) as service:
        yield service


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """SageMaker, S3 and CloudWatch Logs on this machine."""
    with _started(tmp_path_factory.mktemp("sagemaker")) as service:
        yield service


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A clone with the tiny cohort, and a stand-in of its own."""
    with _started(tmp_path_factory.mktemp("sagemaker-of-workflow")) as service:
        yield make_checkout(tmp_path_factory.mktemp("clone") / "slidemill", service)


@pytest.fixture(scope="session")
def finished(checkout: Checkout) -> Finished:
    """The workflow, run to its end once for all tests; they leave what it made as it is."""
    printed = checkout.snakemake()
    jobs = checkout.service.jobs("Processing") | checkout.service.jobs("Training")
    return Finished(printed, jobs, checkout.service.calls(), checkout.read("model/model.keras"))
