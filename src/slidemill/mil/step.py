"""What is computed of a batch of bags."""

from slidemill.mil.class_scores import bag_losses
from slidemill.mil.model import log_scores_model
from slidemill.training.backend import keras, tf
from slidemill.training.method import Inputs, Learning, Scoring, Signature

_LABELS = tf.TensorSpec((None,), tf.int64)
_SHARES = tf.TensorSpec((None,), tf.float32)


def bag_learning(
    model: keras.Model, *, label_smoothing: float = 0.0, class_weights: tuple[float, ...] = ()
) -> Learning:
    """How a model learns from bags, by the mean loss over the bags of all ranks, however many each rank has.

    Inputs are tiles, (bags, tiles, ...), their mask, (bags, tiles) bool, and the share of each bag in the mean over
    ranks, (bags,) float32: the number of ranks divided by the bags of all ranks, 0 for a filler. So the mean over ranks
    of what each computes is the sum of the losses of all bags divided by their number.
    """
    log_scores_of = log_scores_model(model)

    def loss_of(inputs: Inputs, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        tiles, mask, shares = inputs
        log_scores = log_scores_of(_taken(tiles, mask), training=True)
        true = tf.maximum(labels, 0)
        losses = bag_losses(log_scores, true, label_smoothing=label_smoothing, class_weights=class_weights)
        return tf.reduce_sum(losses * shares), bag_tally(log_scores, labels)

    return Learning(loss_of, list(model.trainable_variables), signature=_signature(model, _SHARES))


def bag_scoring(model: keras.Model) -> Scoring:
    """How a model scores bags; inputs are tiles and mask."""
    log_scores_of = log_scores_model(model)

    def scores_of(inputs: Inputs, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        log_scores = log_scores_of(_taken(*inputs), training=False)
        return bag_tally(log_scores, labels), tf.exp(log_scores)

    return Scoring(scores_of, signature=_signature(model))


def bag_tally(log_scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Sum of the cross-entropies, number of right answers, number of bags: (3,) float64; fillers count for nothing.

    Args:
        log_scores: (bags, classes) float32.
        labels: (bags,) int64; below 0 for a filler.
    """
    counts = tf.cast(labels >= 0, tf.float32)
    true = tf.maximum(labels, 0)
    correct = tf.cast(tf.argmax(log_scores, axis=-1) == true, tf.float32)
    columns = (bag_losses(log_scores, true) * counts, correct * counts, counts)
    return tf.stack([tf.reduce_sum(tf.cast(column, tf.float64)) for column in columns])


def _taken(tiles: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
    """What a model takes; tiles travel to its device as they are stored."""
    return {"tiles": tf.cast(tiles, tf.float32), "mask": mask}


def _signature(model: keras.Model, *others: tf.TensorSpec) -> Signature:
    shape = model.input["tiles"].shape
    return (tf.TensorSpec(shape, tf.float16), tf.TensorSpec((None, None), tf.bool), *others), _LABELS
