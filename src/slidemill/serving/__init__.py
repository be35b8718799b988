"""A trained model in use: an HTTP service for tiles and slides, and its client.

Nothing is imported here, so that the client needs neither a web framework nor TensorFlow.
"""
