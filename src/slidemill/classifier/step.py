"""What the tile classifier computes of a batch of decoded tiles."""

from dataclasses import dataclass

from slidemill.classifier.augment import Augmentation, augmented
from slidemill.classifier.tile_shape import TileShape
from slidemill.classifier.tiles import decoded_tiles, model_input
from slidemill.training.backend import keras, tf
from slidemill.training.batch_norm import with_fused_normalization
from slidemill.training.head import learned_variables, logits_model
from slidemill.training.loss import Loss, tally
from slidemill.training.method import Inputs, Learning, Scoring


@dataclass(frozen=True, slots=True)
class StepOptions:
    """How a training step works.

    Attributes:
        loss: what is made small.
        augmentation: how tiles are changed at random.
        head_only: only the last layer learns, and the others work as in validation.
    """

    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    head_only: bool = False


def tile_learning(model: keras.Model, shape: TileShape, options: StepOptions | None = None) -> Learning:
    """How a model learns from decoded tiles, by the mean loss over a batch.

    Inputs are the tiles, (batch, side, side, 3) uint8, and their random numbers, (batch, DRAWS) float32.
    """
    options = options or StepOptions()
    logits_of = with_fused_normalization(logits_model(model))

    def loss_of(inputs: Inputs, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, draws = inputs
        pixels = augmented(model_input(images, shape), options.augmentation, draws)
        logits = logits_of(pixels, training=not options.head_only)
        return options.loss.of(logits, labels), tally(logits, labels)

    return Learning(loss_of, learned_variables(model, head_only=options.head_only))


def tile_scoring(model: keras.Model, shape: TileShape) -> Scoring:
    """How a model scores decoded tiles."""
    logits_of = logits_model(model)

    def scores_of(inputs: Inputs, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        (images,) = inputs
        logits = logits_of(model_input(images, shape), training=False)
        return tally(logits, labels), tf.nn.softmax(logits)

    return Scoring(scores_of, signature=((decoded_tiles(shape),), tf.TensorSpec((None,), tf.int64)))
