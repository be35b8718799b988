"""Pack the tiles of many slides into equal shards, one for each training process."""

from slidemill.sharding.plan import ShardingError, plan_shards
from slidemill.sharding.write import shard_tiles

__all__ = ["ShardingError", "plan_shards", "shard_tiles"]
