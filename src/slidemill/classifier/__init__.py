"""The tile classifier: a network that learns from the pixels of tiles, from one shard of tiles or more for each rank.

Nothing is imported here: `classifier.architectures`, `parameters`, `plan` and `fifo_lists` are used without TensorFlow.
"""
