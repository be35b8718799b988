"""How many threads cut a slide."""

import os
import re


def threads_of_tiling(workspace):
    planned = workspace.snakemake("-n", "--until", "tile_slide").stdout
    return re.findall(r"scripts/tile_slide\.py .*?--threads (\d+)", planned)


def test_with_more_slides_than_cores_each_core_has_a_slide_of_its_own(workspace):
    more = [[f"S-{number}", f"P-{number}", "LUAD", "glands 20x 0.8x0.7mm"] for number in range(os.cpu_count())]
    workspace.write(*more)
    assert threads_of_tiling(workspace) == ["1"] * (10 + len(more))


def test_a_profile_says_otherwise(workspace):
    planned = workspace.snakemake("-n", "--until", "tile_slide", "--set-threads", "tile_slide=2", "--cores", "2").stdout
    assert "--threads 2" in planned
    assert "--threads 1" not in planned
