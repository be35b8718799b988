"""Scores of every tile of a slide by a trained model.

Nothing is imported here, so that predictions can be read, and set-aside slides written, without TensorFlow.
"""
