"""What tests of several stages share."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from slidemill.slides.synthetic.recipe import Recipe
from slidemill.slides.synthetic.slide import synthesize_slide

from .local_gdc import LocalGdc, ServedFile, uuid_of

# The machine may be slow; tests say nothing of time. The examples are the same in every run.
settings.register_profile("slidemill", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("slidemill")

# A shell that starts the tests in the background lets them ignore Ctrl-C, and with them all programs that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
HANDLERS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}

TESTS = Path(__file__).parent
# What tests of these files set up together is there once: a cluster, a service, a finished run.
GROUPS = ("slurm/", "workflow/", "sagemaker/", "sagemaker_plugin/test_workflows.py")
# The longest come first, so that no process of `pytest -n` is left alone with them at the end; and one that waits for
# others (SLURM, SageMaker) comes beside one that computes.
LONG = (*GROUPS, "classifier/test_session.py", "classifier/test_failures.py", "classifier/test_architectures.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first."""
    places = {group: place for place, group in enumerate(LONG)}
    items.sort(key=lambda item: places.get(_group(item.nodeid), len(places)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give the tests of a group, and those of any other file, to one process of `pytest -n`."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return Scheduling(config, log)


def _group(nodeid: str) -> str:
    file = nodeid.partition("::")[0].removeprefix("tests/")
    return next((group for group in GROUPS if file.startswith(group)), file)


REPOSITORY = TESTS.parent
REAL_SLIDE = REPOSITORY.parent / "shared" / "slides" / "CMU-1-Small-Region.svs"


@pytest.fixture(autouse=True)
def signals_as_ever() -> Iterator[None]:
    """A training in the process of the tests listens to signals from then on; the next test must not."""
    _restore_signals()  # also after what fixtures of many tests did
    yield
    _restore_signals()


def _restore_signals() -> None:
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)


@pytest.fixture
def start_program() -> Iterator[Callable[..., subprocess.Popen[Any]]]:
    """Starts programs as `subprocess.Popen` does. What a test that failed leaves running is ended, and what it leaves
    open is closed; otherwise the next test would be blamed for it."""
    started = []

    def start(*arguments: Any, **options: Any) -> subprocess.Popen[Any]:
        started.append(subprocess.Popen(*arguments, **options))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture(scope="session")
def real_slide() -> Path:
    """A region of a real slide, 2220 x 2967 pixels."""
    if not REAL_SLIDE.exists():
        pytest.skip("OpenSlide's test slide CMU-1-Small-Region.svs is not beside the checkout, in shared/slides")
    return REAL_SLIDE


@pytest.fixture(scope="session")
def draw_slide(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Draws the synthetic slide of a recipe, once for all tests."""
    folder = tmp_path_factory.mktemp("slides")

    def draw(recipe: str) -> Path:
        path = folder / f"{recipe.replace(' ', '_')}.svs"
        if not path.exists():
            synthesize_slide(path, recipe=Recipe.parse(recipe), slide_id=path.stem, seed=1)
        return path

    return draw


@pytest.fixture
def gdc(tmp_path: Path) -> Iterator[LocalGdc]:
    """A local GDC with one file of 3,000,001 random bytes, the first in `gdc.files`."""
    path = tmp_path / "at-the-gdc" / "TCGA-05-4244-01A-01-TS1.svs"
    path.parent.mkdir()
    path.write_bytes(random.Random(1).randbytes(3_000_001))
    with LocalGdc([ServedFile(path, uuid_of(path.name))]) as server:
        yield server


@pytest.fixture(scope="session")
def one_thread() -> None:
    """TensorFlow with one thread: whoever uses it first in a process decides on that."""
    from slidemill.training.backend import configure

    configure(1)


@pytest.fixture(scope="session")
def python_on_ranks():
    """Run a Python program on connected ranks and return the finished process."""
    mpirun = Path(sys.executable).parent / "mpirun"
    settings = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    settings["OMPI_MCA_btl"] = "^ofi"  # as rules/environment.smk sets it

    def run(ranks, *arguments, environment=None):
        launcher = [mpirun, "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
        command = [*launcher, sys.executable, *map(str, arguments)]
        own = os.environ | settings | (environment or {})
        return subprocess.run(command, env=own, capture_output=True, text=True, timeout=800, check=False)

    return run
