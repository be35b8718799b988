"""From the logits of a bag, or of a tile, to the logarithms of class scores; and the loss of these.

Classes without an order have a logit each, and softmax. Grades have one logit less: the k-th says whether the grade is
above k, given that it is not below, so that scores of all grades follow and add up to 1 (continuation ratios). The
cross-entropy of these scores is the loss of Shi, Cao and Raschka 2021, Deep neural networks for rank-consistent ordinal
regression based on conditional probabilities (arXiv 2111.08851).
"""

import math
from typing import Any

from slidemill.mil.poolings import registered
from slidemill.training.backend import keras, tf

ops = keras.ops


def logit_count(classes: int, *, ordered: bool) -> int:
    """Number of logits for so many classes."""
    return classes - 1 if ordered else classes


@registered
class LogScores(keras.layers.Layer):
    """Logarithms of class scores, from logits on the last axis, in float32."""

    def __init__(self, *, ordered: bool = False, **options: Any) -> None:
        """Make the layer.

        Args:
            ordered: whether classes are grades.
            options: of a Keras layer.
        """
        super().__init__(**options | {"dtype": "float32"})
        self.ordered = ordered

    def call(self, logits: keras.KerasTensor) -> keras.KerasTensor:
        """(..., classes) float32, from (..., logits)."""
        logits = ops.cast(logits, "float32")
        if not self.ordered:
            return ops.log_softmax(logits, axis=-1)
        grades = logits.shape[-1] + 1
        # Logits of 0 are to give all grades the same score: above k are grades - 1 - k of the grades from k on.
        logits = logits + ops.convert_to_tensor([math.log(grades - 1 - k) for k in range(grades - 1)], "float32")
        above = ops.log_sigmoid(logits)
        not_below = ops.concatenate([ops.zeros_like(above[..., :1]), ops.cumsum(above, axis=-1)], axis=-1)
        stays = ops.concatenate([ops.log_sigmoid(-logits), ops.zeros_like(logits[..., :1])], axis=-1)
        return not_below + stays

    def get_config(self) -> dict[str, Any]:
        """What the layer was made with."""
        return super().get_config() | {"ordered": self.ordered}


def bag_losses(
    log_scores: tf.Tensor, labels: tf.Tensor, *, label_smoothing: float = 0.0, class_weights: tuple[float, ...] = ()
) -> tf.Tensor:
    """Cross-entropy of each bag, (bags,) float32.

    Args:
        log_scores: (bags, classes) float32.
        labels: (bags,) int64.
        label_smoothing: share of each label that is spread over all classes.
        class_weights: weight of the bags of each class, empty for equal weights.
    """
    classes = log_scores.shape[-1]
    targets = tf.one_hot(labels, classes) * (1.0 - label_smoothing) + label_smoothing / classes
    losses = -tf.reduce_sum(targets * log_scores, axis=-1)
    return losses * tf.gather(tf.constant(class_weights, tf.float32), labels) if class_weights else losses
