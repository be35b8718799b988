import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    from slidemill.training.backend import configure

    configure(1)
