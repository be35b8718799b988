"""Models of bags: from the tiles of a bag to its class scores, and to what each tile had to do with them."""

from collections.abc import Callable

from slidemill.mil.class_scores import LogScores, logit_count
from slidemill.mil.parameters import MilModelParameters
from slidemill.mil.poolings import EqualAttention, TileAttention, TileMaximum, WeightedMean
from slidemill.mil.tile_networks import FeatureStatistics, feature_network, pixel_network
from slidemill.mil.transformer import HEADS, transformer_pooling
from slidemill.training.backend import keras
from slidemill.training.parameters import Precision

_LOG_SCORES = "log_scores"


def feature_bag_model(
    parameters: MilModelParameters,
    *,
    dimension: int,
    class_count: int,
    statistics: FeatureStatistics | None = None,
    precision: Precision = "float32",
) -> keras.Model:
    """Build a model of bags of features, with random weights.

    Args:
        parameters: how.
        dimension: numbers of each tile.
        class_count: number of classes.
        statistics: by which features are standardised inside the model; None: they are taken as they are.
        precision: of the computation; weights, attention and scores are float32.

    Returns:
        A model from {"tiles": (bags, tiles, dimension) float32, "mask": (bags, tiles) bool} to {"scores": (bags,
        classes), "attention": (bags, tiles)}, and "tile_scores", (bags, tiles, classes), where the pooling gives them;
        all float32. Every bag has at least one tile. Scores of a bag or a tile add up to 1, attention over a bag, and
        it is 0 where there is no tile.
    """
    inputs = keras.Input((None, dimension), name="tiles", dtype="float32")
    return _built(
        parameters,
        inputs,
        lambda x: feature_network(
            x,
            hidden=parameters.hidden,
            dropout=parameters.dropout,
            seed=parameters.seed,
            statistics=statistics,
        ),
        class_count=class_count,
        precision=precision,
    )


def pixel_bag_model(
    parameters: MilModelParameters, *, side: int, class_count: int, precision: Precision = "float32"
) -> keras.Model:
    """Build a model of bags of small tiles, end to end; as `feature_bag_model`, of (bags, tiles, side, side, 3) RGB."""
    inputs = keras.Input((None, side, side, 3), name="tiles", dtype="float32")
    return _built(
        parameters,
        inputs,
        lambda x: pixel_network(
            x, side=side, hidden=parameters.hidden, dropout=parameters.dropout, seed=parameters.seed
        ),
        class_count=class_count,
        precision=precision,
    )


def log_scores_model(model: keras.Model) -> keras.Model:
    """The model up to the logarithms of its scores, (bags, classes), with the same weights: what a loss is of."""
    return keras.Model(model.input, model.get_layer(_LOG_SCORES).output)


def _built(
    parameters: MilModelParameters,
    inputs: keras.KerasTensor,
    tile_network: Callable[[keras.KerasTensor], keras.KerasTensor],
    *,
    class_count: int,
    precision: Precision,
) -> keras.Model:
    mask = keras.Input((None,), name="mask", dtype="bool")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")
    try:
        tiles = tile_network(inputs)
        logits, attention, tile_logits = _pooled(
            parameters, tiles, mask, logit_count(class_count, ordered=parameters.ordered)
        )
    finally:
        keras.config.set_dtype_policy(policy)
    log_scores = LogScores(ordered=parameters.ordered, name=_LOG_SCORES)
    outputs = {"scores": _exponential("scores")(log_scores(logits)), "attention": attention}
    if tile_logits is not None:
        of_tiles = LogScores(ordered=parameters.ordered, name="tile_log_scores")
        outputs["tile_scores"] = _exponential("tile_scores")(of_tiles(tile_logits))
    return keras.Model({"tiles": inputs, "mask": mask}, outputs)


def _pooled(
    parameters: MilModelParameters, tiles: keras.KerasTensor, mask: keras.KerasTensor, logits: int
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor | None]:
    """Logits of bags, attention, and logits of tiles where there are any."""
    head = keras.layers.Dense(logits, dtype="float32", name="logits")
    if parameters.pooling == "max":
        bag, attention = TileMaximum(name="maximum")(tiles, mask)
        return head(bag), attention, None
    if parameters.pooling == "transformer":
        width = max(HEADS, parameters.attention_width // HEADS * HEADS)
        bag, attention = transformer_pooling(tiles, mask, width=width)
        return head(bag), attention, None
    if parameters.pooling == "mean":
        attention = EqualAttention(name="attention")(tiles, mask)
    else:
        gated = parameters.pooling in ("gated_attention", "additive")
        attention = TileAttention(parameters.attention_width, gated=gated, name="attention")(tiles, mask)
    weighted = WeightedMean(name="weighted_mean")
    if parameters.pooling != "additive":
        return head(weighted(tiles, attention)), attention, None
    # What a tile says of the classes is asked of each tile, and the bag's logits are the mean of the answers: a tile's
    # part in them is its attention times its logits (Javed et al. 2022, Additive MIL: intrinsically interpretable
    # multiple instance learning for pathology, NeurIPS; with the attention outside, as Early et al. 2024, Inherently
    # interpretable time series classification via multiple instance learning, ICLR, find better).
    asked = keras.layers.Dense(parameters.attention_width, activation="relu", name="tile_hidden")(tiles)
    tile_logits = head(asked)
    return weighted(tile_logits, attention), attention, tile_logits


def _exponential(name: str) -> keras.layers.Layer:
    return keras.layers.Activation("exponential", dtype="float32", name=name)
