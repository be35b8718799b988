"""Batch normalisation for training, in few passes over the activations.

Keras computes it operation by operation, forwards and backwards: on a CPU that takes two fifths of a training step of
MobileNetV2 (docs/benchmarks.md). TensorFlow has one operation for all of it, which Keras 3 no longer uses.
"""

from slidemill.training.backend import keras, tf

_IMAGES = 4  # dimensions: batch, height, width, channels


def with_fused_normalization(model: keras.Model) -> keras.Model:
    """The same model, with the same layers and weights, but that its normalisations of images learn faster.

    What it computes is the same but for rounding. Outside training it is the model to the last bit.
    """
    return keras.models.clone_model(model, clone_function=_fused_where_possible, recursive=True)


def _fused_where_possible(layer: keras.layers.Layer) -> keras.layers.Layer:
    if type(layer) is not keras.layers.BatchNormalization or layer.renorm or layer.synchronized:
        return layer
    of_images = layer.input_spec.ndim == _IMAGES and layer.axis in (-1, _IMAGES - 1)
    return _FusedNormalization(layer) if of_images else layer


class _FusedNormalization(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    """What a layer of Keras does, whose weights and moving statistics it uses."""

    def __init__(self, own: keras.layers.BatchNormalization) -> None:
        super().__init__(name=own.name, dtype=own.dtype_policy)
        self.own = own

    def call(self, images: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        """(batch, height, width, channels), from as many."""
        if not (training and self.own.trainable) or mask is not None:
            return self.own(images, training=training, mask=mask)
        channels = self.own.moving_mean.shape
        normalized, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            keras.ops.cast(images, "float32"),
            scale=keras.ops.cast(self.own.gamma, "float32") if self.own.scale else tf.ones(channels),
            offset=keras.ops.cast(self.own.beta, "float32") if self.own.center else tf.zeros(channels),
            epsilon=self.own.epsilon,
            is_training=True,
        )
        count = tf.cast(tf.reduce_prod(tf.shape(images)[:-1]), tf.float32)
        self._remember(mean, variance * ((count - 1.0) / count))  # TensorFlow's is of the sample, Keras' of the batch
        return keras.ops.cast(normalized, self.compute_dtype)

    def _remember(self, mean: tf.Tensor, variance: tf.Tensor) -> None:
        momentum = self.own.momentum
        for statistic, of_batch in ((self.own.moving_mean, mean), (self.own.moving_variance, variance)):
            statistic.assign(statistic * momentum + of_batch * (1.0 - momentum))
