"""What TensorFlow and Keras start without."""

import importlib
import sys
import threading

import pytest

NAME = "colorsys"


@pytest.fixture
def without(one_thread, monkeypatch):
    """Hides packages that are not imported yet; NAME is none that is."""
    from slidemill.training.backend import _without

    monkeypatch.delitem(sys.modules, NAME, raising=False)
    return _without


def test_a_hidden_package_is_not_there_for_a_while(without):
    with without(NAME), pytest.raises(ModuleNotFoundError):
        importlib.import_module(NAME)
    assert importlib.import_module(NAME)


def test_it_is_there_also_after_an_error(without):
    with pytest.raises(ZeroDivisionError), without(NAME):
        raise ZeroDivisionError
    assert importlib.import_module(NAME)


def test_another_thread_imports_it_meanwhile(without):
    imported = []
    with without(NAME):
        thread = threading.Thread(target=lambda: imported.append(importlib.import_module(NAME)))
        thread.start()
        thread.join()
        assert [importlib.import_module(NAME)] == imported  # what is imported already is not hidden
