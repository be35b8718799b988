"""Trained models on Amazon SageMaker: endpoints, batch transform, and what of it costs money.

It stands above the library, whose model files it takes, and above the executor plugin, whose checks of requests it
shares.
"""
