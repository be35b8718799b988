"""Training of a tile classifier on one shard of tiles per rank.

Nothing is imported here: `training.description`, `parameters`, `plan`, `schedule`, `history` and `checkpoint` are used
without TensorFlow; `backend` and what builds on it import TensorFlow.
"""
