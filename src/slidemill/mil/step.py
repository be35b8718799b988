"""What is computed of a batch of bags."""

from collections.abc import Callable
from dataclasses import dataclass

from slidemill.classifier.augment import DRAWS, Augmentation, augmented
from slidemill.classifier.tile_shape import TileShape
from slidemill.classifier.tiles import decoded_tiles, model_input
from slidemill.mil.batches import PADDED_TO
from slidemill.mil.class_scores import bag_losses
from slidemill.mil.model import log_scores_model
from slidemill.training.backend import keras, tf
from slidemill.training.method import Cut, Inputs, Learning, Scoring

# Without a GPU a step computes so many tiles at once, or a bag that has more: a processor is busy with these already, a
# bag that is computed alone needs no padding, and memory holds one part and not the whole batch.
TILES_OF_A_PART = 4096
_MASK = tf.TensorSpec((None, None), tf.bool)
_LABELS = tf.TensorSpec((None,), tf.int64)
_SHARES = tf.TensorSpec((None,), tf.float32)


@dataclass(frozen=True, slots=True)
class Preparation:
    """From the values of tiles, as batches have them, to what a model takes; on the device that computes the model.

    Attributes:
        tiles: what batches have, (bags, tiles, ...), of any number and size.
        of: from these, and the random numbers of each tile by which it is changed (None: it is not), to (bags, tiles,
            ...) float32.
        draws: how many random numbers that are; 0 where nothing is random.
        tiles_of_a_part: so many tiles, or a bag that has more, a processor computes at once; None: whole batches.
    """

    tiles: tf.TensorSpec
    of: Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor]
    draws: int = 0
    tiles_of_a_part: int | None = None


def features_as_they_are(dimension: int) -> Preparation:
    """Features travel to the model's device as they are stored, in float16."""
    return Preparation(
        tf.TensorSpec((None, None, dimension), tf.float16),
        lambda tiles, _: tf.cast(tiles, tf.float32),
        tiles_of_a_part=TILES_OF_A_PART,
    )


def changed_pixels(shape: TileShape, augmentation: Augmentation) -> Preparation:
    """Decoded tiles are brought to the model's side and, in training, changed at random, as the tile classifier's."""
    stored, taken = decoded_tiles(shape).shape[1:], (shape.model, shape.model, 3)

    def prepared(tiles: tf.Tensor, draws: tf.Tensor | None) -> tf.Tensor:
        images = model_input(tf.reshape(tiles, (-1, *stored)), shape)
        if draws is not None:
            images = augmented(images, augmentation, tf.reshape(draws, (-1, DRAWS)))
        return tf.reshape(images, (tf.shape(tiles)[0], tf.shape(tiles)[1], *taken))

    return Preparation(tf.TensorSpec((None, None, *stored), tf.uint8), prepared, DRAWS)


def bag_learning(
    model: keras.Model,
    preparation: Preparation,
    *,
    label_smoothing: float = 0.0,
    class_weights: tuple[float, ...] = (),
) -> Learning:
    """How a model learns from bags, by the mean loss over the bags of all ranks, however many each rank has.

    Inputs are tiles, (bags, tiles, ...), their mask, (bags, tiles) bool, the share of each bag in the mean over ranks,
    (bags,) float32: the number of ranks divided by the bags of all ranks, 0 for a filler; and the random numbers of
    tiles, (bags, tiles, draws) float32, where the preparation wants any. So the mean over ranks of what each computes
    is the sum of the losses of all bags divided by their number.
    """
    log_scores_of = log_scores_model(model)

    def loss_of(inputs: Inputs, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        tiles, mask, shares, *draws = inputs
        taken = {"tiles": preparation.of(tiles, draws[0] if draws else None), "mask": mask}
        log_scores = log_scores_of(taken, training=True)
        true = tf.maximum(labels, 0)
        losses = bag_losses(log_scores, true, label_smoothing=label_smoothing, class_weights=class_weights)
        return tf.reduce_sum(losses * shares), bag_tally(log_scores, labels)

    draws = [tf.TensorSpec((None, None, preparation.draws), tf.float32)] if preparation.draws else []
    signature = (preparation.tiles, _MASK, _SHARES, *draws), _LABELS
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    cut = bags_with_tiles(preparation.tiles_of_a_part) if preparation.tiles_of_a_part and not on_gpu else None
    return Learning(loss_of, list(model.trainable_variables), signature=signature, cut=cut)


def bags_with_tiles(count: int) -> Cut:
    """Cut batches of bags, in their order, into parts of at most so many tiles with padding, or of one larger bag.

    A part is padded to the largest of all bags that are left, so bags should come from the largest on.
    """

    def cut(inputs: Inputs, labels: tf.Tensor, start: tf.Tensor) -> tuple[tf.Tensor, Inputs, tf.Tensor]:
        tiles, mask, shares, *draws = inputs
        longest = tf.reduce_max(tf.reduce_sum(tf.cast(mask[start:], tf.int32), axis=1))
        padded = -(-longest // PADDED_TO) * PADDED_TO
        end = tf.minimum(start + tf.maximum(1, count // padded), tf.shape(labels)[0])
        of_tiles = tuple(values[start:end, :padded] for values in (tiles, mask, *draws))
        return end, (*of_tiles[:2], shares[start:end], *of_tiles[2:]), labels[start:end]

    return cut


def bag_scoring(model: keras.Model, preparation: Preparation) -> Scoring:
    """How a model scores bags; inputs are tiles and mask."""
    log_scores_of = log_scores_model(model)

    def scores_of(inputs: Inputs, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        tiles, mask = inputs
        log_scores = log_scores_of({"tiles": preparation.of(tiles, None), "mask": mask}, training=False)
        return bag_tally(log_scores, labels), tf.exp(log_scores)

    return Scoring(scores_of, signature=((preparation.tiles, _MASK), _LABELS))


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
