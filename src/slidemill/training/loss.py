"""The loss of class scores, and what is counted of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slidemill.training.backend import tf
from slidemill.training.parameters import ClassWeights


@dataclass(frozen=True, slots=True)
class Loss:
    """Cross-entropy, and what it is changed by for learning.

    Attributes:
        label_smoothing: share of each label that is spread over all classes.
        class_weights: weight of the examples of each class, empty for equal weights.
    """

    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()

    def of(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The mean over a batch, a scalar."""
        classes = logits.shape[-1]
        targets = tf.one_hot(labels, classes) * (1.0 - self.label_smoothing) + self.label_smoothing / classes
        losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        if self.class_weights:
            losses *= tf.gather(tf.constant(self.class_weights, tf.float32), labels)
        return tf.reduce_mean(losses)


def class_weights(choice: ClassWeights, class_examples: Sequence[int]) -> tuple[float, ...]:
    """Weights by which each class counts as much as any other; their mean over all examples is 1."""
    if choice == "none":
        return ()
    counts = np.array(class_examples)
    weights = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return tuple(weights.tolist())


def empty_tally() -> tf.Tensor:
    """The tally of no examples."""
    return tf.zeros(3, tf.float64)


def tally(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Sum of the cross-entropies, number of right answers, number of examples: (3,) float64."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    correct = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
    counts = (tf.reduce_sum(losses), tf.math.count_nonzero(correct), tf.size(labels))
    return tf.stack([tf.cast(count, tf.float64) for count in counts])
