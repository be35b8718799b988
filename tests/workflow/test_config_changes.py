"""A change of the config makes again what depends on it, and nothing else."""

import re

import pytest

pytestmark = pytest.mark.slow

# What each change makes again first; all that follows from it is made again, too.
CHANGES = {
    "training={epochs: 4}": "train",
    "training={learning_rate: 0.01}": "train",
    "training={architecture: MobileNetV2}": "train",
    "shards={balance: none}": "shard_tiles",
    "split={train: 0.4, validation: 0.3, test: 0.3}": "assign_splits",
    "evaluation={aggregation: median}": "evaluate",
    "heatmap={mpp: 4.0}": "heatmap",
    "tiling={tile_size: 128}": "tile_slide",
    "quality={exclude: []}": "assign_splits",
    "seed=2": "synthesize_slide",
}
ORDER = ["synthesize_slide", "tile_slide", "assign_splits", "shard_tiles", "train", "evaluate", "heatmap", "report"]


def planned(workspace, *options):
    return re.findall(r"^(?:local)?rule (\w+):", workspace.snakemake("-n", *options).stdout, re.M)


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_change_makes_again(finished, change):
    rules = planned(finished, "--config", change)
    assert CHANGES[change] in rules
    assert not set(rules) & set(ORDER[: ORDER.index(CHANGES[change])])


@pytest.mark.parametrize("change", ["acquire={connections: 2}", "features={slides_per_job: 3}"])
def test_how_jobs_run_makes_nothing_again_but_the_report_that_tells_of_it(finished, change):
    assert set(planned(finished, "--config", change)) == {"write_config", "report", "all"}


def test_where_slides_are_copied_to_makes_nothing_again(finished):
    assert not planned(finished, "--config", "scratch=/tmp")
