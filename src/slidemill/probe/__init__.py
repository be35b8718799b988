"""A linear classifier on the features of tiles: multinomial logistic regression.

Nothing is imported here: TensorFlow is needed to write the model file alone.
"""
