import json
from pathlib import Path

import pytest

from slidemill.classifier.plan import ShardPlanError, ShardSet, read_plan


@pytest.fixture
def edited_plan(shard_plan, tmp_path):
    """A copy of a good plan with other values in it."""

    def edit(**changes):
        path = tmp_path / "plan.json"
        path.write_text(json.dumps(json.loads(shard_plan.read_text()) | changes))
        return path

    return edit


def test_shards_lie_beside_the_plan(shard_plan):
    plan = read_plan(shard_plan, ranks=2)
    assert plan.train.files == tuple(shard_plan.parent / f"train-{rank}-of-2.tfrecord" for rank in range(2))
    assert (plan.train.tiles_per_shard, plan.validation.tiles_per_shard) == (100, 40)
    assert plan.class_tiles == (100, 100)
    assert (plan.classes, plan.tile_size, plan.tile_mpp) == (("coarse", "fine"), 64, 0.5)


@pytest.mark.parametrize("ranks", [1, 2, 4, 8])
def test_the_same_eight_shards_serve_1_2_4_or_8_ranks(ranks):
    shards = ShardSet(tiles_per_shard=5, files=tuple(Path(f"{number}") for number in range(8)))
    own = [shards.of_rank(rank, ranks) for rank in range(ranks)]
    assert sorted(file for part in own for file in part.files) == sorted(shards.files)
    assert {part.tiles for part in own} == {40 // ranks}


def test_shards_for_another_number_of_ranks_are_refused(shard_plan):
    with pytest.raises(ShardPlanError, match="has 2 train shards, which 3 ranks cannot share equally"):
        read_plan(shard_plan, ranks=3)


def test_empty_shards_are_refused(edited_plan, shard_plan):
    empty = json.loads(shard_plan.read_text())["validation"] | {"tiles_per_shard": 0}
    with pytest.raises(ShardPlanError, match="its validation shards hold no tiles"):
        read_plan(edited_plan(validation=empty), ranks=2)


def test_another_format_is_refused(edited_plan):
    with pytest.raises(ShardPlanError, match="slidemill shard plan 9"):
        read_plan(edited_plan(format="slidemill shard plan 9"), ranks=2)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": "slidemill shard plan 2"}'])
def test_a_file_that_is_no_plan_is_refused(tmp_path, content):
    path = tmp_path / "plan.json"
    path.write_text(content)
    with pytest.raises(ShardPlanError, match="not a readable shard plan"):
        read_plan(path, ranks=2)


def test_a_missing_plan_is_told(tmp_path):
    with pytest.raises(ShardPlanError, match="there is no such shard plan"):
        read_plan(tmp_path / "plan.json", ranks=2)


def test_hash_follows_the_content(shard_plan, edited_plan):
    assert read_plan(shard_plan, ranks=2).sha256 != read_plan(edited_plan(seed=2), ranks=2).sha256
