"""What is computed for each batch: the step that learns from it, and the one that scores it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from slidemill.training import ranks
from slidemill.training.augment import Augmentation, augmented
from slidemill.training.backend import keras, tf
from slidemill.training.models import head_variables, logits_model
from slidemill.training.parameters import ClassWeights, Compression
from slidemill.training.tiles import TileShape, model_input

TrainStep = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
ValidationStep = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclass(frozen=True, slots=True)
class Loss:
    """Cross-entropy, and what it is changed by for learning.

    Attributes:
        label_smoothing: share of each label that is spread over all classes.
        class_weights: weight of the tiles of each class, empty for equal weights.
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


def class_weights(choice: ClassWeights, class_tiles: Sequence[int]) -> tuple[float, ...]:
    """Weights by which each class counts as much as any other; their mean over all train tiles is 1."""
    if choice == "none":
        return ()
    counts = np.array(class_tiles)
    weights = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return tuple(weights.tolist())


@dataclass(frozen=True, slots=True)
class StepOptions:
    """How a training step works.

    Attributes:
        loss: what is made small.
        augmentation: how tiles are changed at random.
        accumulation: parts of equal size in which a batch is computed, one after the other in the same memory.
        compression: of the gradients between ranks.
        head_only: only the last layer learns, and the others work as in validation.
    """

    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    accumulation: int = 1
    compression: Compression = "none"
    head_only: bool = False


def train_step(
    model: keras.Model, optimizer: keras.Optimizer, shape: TileShape, options: StepOptions | None = None
) -> TrainStep:
    """Make the function that learns from one batch.

    It takes decoded tiles (batch, side, side, 3) uint8, their random numbers (batch, DRAWS) float32, labels (batch,)
    int64, the learning rate () float32 and whether this rank was asked to stop () float32, applies the gradient of the
    mean loss over the batches of all ranks, and returns the tally of this rank's batch, that of all ranks' batches, and
    the number of ranks that were asked to stop.
    """
    options = options or StepOptions()
    logits_of = logits_model(model)
    learning = learned_variables(model, head_only=options.head_only)
    weights = ranks.tensors(learning)
    parts = options.accumulation

    def forward(images: tf.Tensor, draws: tf.Tensor, labels: tf.Tensor) -> tuple[tf.GradientTape, tf.Tensor, tf.Tensor]:
        pixels = augmented(model_input(images, shape), options.augmentation, draws)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits = logits_of(pixels, training=not options.head_only)
            loss = optimizer.scale_loss(options.loss.of(logits, labels))
        return tape, loss, tally(logits, labels)

    def whole(images: tf.Tensor, draws: tf.Tensor, labels: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        tape, loss, counted = forward(images, draws, labels)
        return ranks.averaging(tape, options.compression).gradient(loss, weights), counted

    def in_parts(images: tf.Tensor, draws: tf.Tensor, labels: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        gradients = [tf.zeros_like(weight) for weight in weights]
        counted = empty_tally()
        size = tf.shape(labels)[0] // parts
        for part in tf.range(parts):
            own = slice(part * size, (part + 1) * size)
            tape, loss, counted_part = forward(images[own], draws[own], labels[own])
            more = tape.gradient(loss, weights)
            gradients = [total + gradient / parts for total, gradient in zip(gradients, more, strict=True)]
            counted += counted_part
        return ranks.averaged(gradients, options.compression), counted

    def step(
        images: tf.Tensor, draws: tf.Tensor, labels: tf.Tensor, learning_rate: tf.Tensor, stopping: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        gradients, counted = (whole if parts == 1 else in_parts)(images, draws, labels)
        optimizer.learning_rate.assign(learning_rate)
        optimizer.apply_gradients(zip(gradients, learning, strict=True))
        of_all = ranks.added(tf.concat([counted, [tf.cast(stopping, tf.float64)]], axis=0))
        return counted, of_all[:3], of_all[3]

    return tf.function(step)


def validation_step(model: keras.Model, shape: TileShape) -> ValidationStep:
    """Make the function that scores one batch of decoded tiles, of any size, and returns its tally and its scores."""
    logits_of = logits_model(model)
    batch_of_any_size = (
        shape.decoded_tiles,
        tf.TensorSpec((None,), tf.int64),
    )

    def step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = logits_of(model_input(images, shape), training=False)
        return tally(logits, labels), tf.nn.softmax(logits)

    return tf.function(step, input_signature=batch_of_any_size)


def learned_variables(model: keras.Model, *, head_only: bool) -> list[keras.Variable]:
    """The variables that learn."""
    return head_variables(model) if head_only else list(model.trainable_variables)


def empty_tally() -> tf.Tensor:
    """The tally of no tiles."""
    return tf.zeros(3, tf.float64)


def tally(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Sum of the cross-entropies, number of right answers, number of tiles: (3,) float64."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    correct = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
    counts = (tf.reduce_sum(losses), tf.math.count_nonzero(correct), tf.size(labels))
    return tf.stack([tf.cast(count, tf.float64) for count in counts])
