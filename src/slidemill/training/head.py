"""The softmax layer with which all models of slidemill end."""

from slidemill.training.backend import keras

_LOGITS = "logits"


def classifier(inputs: keras.KerasTensor, features: keras.KerasTensor, *, class_count: int) -> keras.Model:
    """Put the softmax layer of slidemill's models on (batch, channels) features."""
    logits = keras.layers.Dense(class_count, dtype="float32", name=_LOGITS)(features)
    scores = keras.layers.Softmax(dtype="float32", name="scores")(logits)
    return keras.Model(inputs, scores)


def logits_model(model: keras.Model) -> keras.Model:
    """The model up to its logits, with the same weights: a loss of logits cannot lose digits to softmax."""
    return keras.Model(model.input, model.get_layer(_LOGITS).output)


def head_variables(model: keras.Model) -> list[keras.Variable]:
    """The weights of the last layer that has some, which a model that starts from weights in a file learns anew."""
    return list(model.get_layer(_LOGITS).trainable_variables)


def learned_variables(model: keras.Model, *, head_only: bool) -> list[keras.Variable]:
    """The variables that learn."""
    return head_variables(model) if head_only else list(model.trainable_variables)
