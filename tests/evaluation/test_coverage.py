"""Intervals hold the true value as often as they say: benchmarks/coverage.py in small."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
COHORTS = 150


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("coverage_benchmark", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def truth(program):
    return program.true_values(program.DESIGNS["moderate"])


def held(found):
    """Of every metric but the calibration error, which has no interval."""
    return {name: one.held for name, one in found["now"].items() if name != "calibration error"}


@pytest.mark.slow
@pytest.mark.parametrize(("patients", "least"), [(12, 0.85), (30, 0.88)])
def test_intervals_hold_the_truth(program, truth, patients, least):
    """Bounds leave room for chance: with 150 cohorts a share of 0.95 has a standard deviation of 0.018."""
    found = program.simulate(program.DESIGNS["moderate"], patients, COHORTS, truth)
    shares = held(found)
    assert len(shares) == 31
    assert min(shares.values()) >= least, shares
    assert 0.93 <= np.mean(list(shares.values())) <= 0.985
    assert all(one.missing == 0 for name, one in found["now"].items() if name != "calibration error")
    assert found["now"]["calibration error"].missing == 1


@pytest.mark.slow
def test_with_an_effect_of_sites_the_unit_has_to_be_the_site(program):
    design = program.DESIGNS["sites"]
    truth = program.true_values(design)
    by_site = held(program.simulate(design, 96, 60, truth))
    assert min(by_site.values()) >= 0.85, by_site


@pytest.mark.slow
def test_what_was_used_before_held_it_less(program, truth):
    """The simulation can tell: percentiles of draws of few patients hold too little."""
    before = program.simulate(program.DESIGNS["moderate"], 12, 40, truth, before=True)["before"]
    assert np.mean([before[f"AUC, class {n}"].held for n in range(3)]) < 0.85
