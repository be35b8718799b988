"""The Keras model of a probe; imports TensorFlow."""

import numpy as np

from slidemill.probe.regression import Coefficients, Standardisation
from slidemill.training.backend import keras
from slidemill.training.head import classifier, head_variables


def probe_model(standardisation: Standardisation, coefficients: Coefficients) -> keras.Model:
    """Build the model of a probe.

    Returns:
        A model from (batch, dimension) float32 features as the encoder gives them to (batch, classes) float32 softmax
        scores.
    """
    keras.utils.clear_session()  # layer names must not depend on what the process built before
    inputs = keras.Input((len(standardisation.mean),), name="features")
    mean, variance = (values.astype(np.float32) for values in (standardisation.mean, standardisation.deviation**2))
    standardised = keras.layers.Normalization(mean=mean, variance=variance, name="standardised")(inputs)
    model = classifier(inputs, standardised, class_count=len(coefficients.intercepts))
    for variable, values in zip(head_variables(model), (coefficients.weights, coefficients.intercepts), strict=True):
        variable.assign(values)
    return model
