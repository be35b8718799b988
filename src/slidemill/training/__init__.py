"""The engine of a training on ranks: epochs, schedules, checkpoints, tracking. What learns, a method brings (`method`).

Nothing is imported here: `training.description`, `parameters`, `schedule`, `history` and `checkpoint` are used without
TensorFlow; `backend` and what builds on it import TensorFlow.
"""
