"""What all ranks compute together for each batch: the step that learns from it, and the one that scores it."""

from collections.abc import Callable
from typing import Any

from slidemill.training import ranks
from slidemill.training.backend import as_graph, keras, tf
from slidemill.training.loss import empty_tally
from slidemill.training.method import Cut, Inputs, Learning, Scoring
from slidemill.training.parameters import Compression

TrainStep = Callable[[Inputs, tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
ValidationStep = Callable[[Inputs, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]

_NUMBER = tf.TensorSpec((), tf.float32)


def train_step(
    learning: Learning, optimizer: keras.Optimizer, *, accumulation: int = 1, compression: Compression = "none"
) -> TrainStep:
    """Make the function that learns from one batch.

    It takes inputs, labels, the learning rate () float32 and whether this rank was asked to stop () float32, applies
    the gradient of the mean loss over all ranks, and returns the tally of this rank's batch, that of all ranks'
    batches, and the number of ranks that were asked to stop.

    Args:
        learning: what is made small, and of which variables.
        optimizer: built for these variables.
        accumulation: parts of equal size in which a batch is computed, one after the other in the same memory; the loss
            is the mean over a part. 1: as `learning` says.
        compression: of the gradients between ranks.
    """
    weights = ranks.tensors(learning.variables)
    cut = learning.cut if accumulation == 1 else _equal_parts(accumulation)

    def forward(inputs: Inputs, labels: tf.Tensor) -> tuple[tf.GradientTape, tf.Tensor, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            loss, counted = learning.loss_of(inputs, labels)
            loss = optimizer.scale_loss(loss)
        return tape, loss, counted

    def whole(inputs: Inputs, labels: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        tape, loss, counted = forward(inputs, labels)
        return ranks.averaging(tape, compression).gradient(loss, weights), counted

    def in_parts(inputs: Inputs, labels: tf.Tensor, cut: Cut) -> tuple[list[tf.Tensor], tf.Tensor]:
        def add(start: tf.Tensor, sums: list[tf.Tensor], counted: tf.Tensor) -> tuple[Any, ...]:
            end, own, own_labels = cut(inputs, labels, start)
            tape, loss, counted_part = forward(own, own_labels)
            more = tape.gradient(loss, weights)
            sums = [total + gradient / accumulation for total, gradient in zip(sums, more, strict=True)]
            return end, sums, counted + counted_part

        start = (tf.constant(0), [tf.zeros_like(weight) for weight in weights], empty_tally())
        # One after the other, or memory would hold several, and dropout would draw its numbers in any order.
        _, gradients, counted = tf.while_loop(
            lambda start, *_: start < tf.shape(labels)[0], add, start, parallel_iterations=1
        )
        return ranks.averaged(gradients, compression), counted

    def step(
        inputs: Inputs, labels: tf.Tensor, learning_rate: tf.Tensor, stopping: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        gradients, counted = in_parts(inputs, labels, cut) if cut else whole(inputs, labels)
        optimizer.learning_rate.assign(learning_rate)
        optimizer.apply_gradients(zip(gradients, learning.variables, strict=True))
        of_all = ranks.added(tf.concat([counted, [tf.cast(stopping, tf.float64)]], axis=0))
        return counted, of_all[:3], of_all[3]

    return as_graph(step, **_of_any_shape(learning.signature, _NUMBER, _NUMBER))


def validation_step(scoring: Scoring) -> ValidationStep:
    """Make the function that scores one batch, of any size.

    It takes inputs, labels and whether this rank was asked to stop () float32, and returns the tally of the batch, its
    scores, and the number of ranks that were asked to stop, which are asked while the batch is scored.
    """

    def step(inputs: Inputs, labels: tf.Tensor, stopping: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return *scoring.scores_of(inputs, labels), ranks.added(stopping)

    return as_graph(step, **_of_any_shape(scoring.signature, _NUMBER))


def _equal_parts(count: int) -> Cut:
    """Cut batches of a number of examples that can be divided by `count`."""

    def cut(inputs: Inputs, labels: tf.Tensor, start: tf.Tensor) -> tuple[tf.Tensor, Inputs, tf.Tensor]:
        end = start + tf.shape(labels)[0] // count
        return end, tuple(values[start:end] for values in inputs), labels[start:end]

    return cut


def _of_any_shape(signature: Any, *others: tf.TensorSpec) -> dict[str, Any]:
    """Let one computation do for batches of all shapes."""
    return {"input_signature": (*signature, *others)} if signature else {}
