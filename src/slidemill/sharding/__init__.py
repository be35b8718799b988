"""Pack the tiles of many slides into equal shards, one or more for each training process."""

from slidemill.sharding.balance import BALANCE_MODES, Balance
from slidemill.sharding.copy import DamagedStoreError
from slidemill.sharding.plan import ShardingError, plan_shards
from slidemill.sharding.write import shard_tiles

__all__ = ["BALANCE_MODES", "Balance", "DamagedStoreError", "ShardingError", "plan_shards", "shard_tiles"]
