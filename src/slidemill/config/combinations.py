"""Values that are right each for itself and cannot work together.

What a library function refuses when its step begins is refused here before any step, and not after hours.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from slidemill.classifier.architectures import check_architecture
from slidemill.classifier.parameters import ClassifierParameters
from slidemill.cohort.gdc.address import check_address
from slidemill.config.labels import label_problems, localisation_problems, patch_problems, sampling_problems
from slidemill.config.weights import weights_problems
from slidemill.errors import SlidemillError
from slidemill.features.spec import EMBEDDED
from slidemill.mil.parameters import WITH_TILE_SCORES
from slidemill.mil.training_parameters import FROM_TRAINING, PIXELS_FROM_TRAINING, MilParameters, mil_section

_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def combination_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each."""
    yield from _split_problems(config["split"])
    yield from _method_problems(config)
    yield from patch_problems(config)
    yield from label_problems(config["labels"], config["classes"])
    yield from _feature_problems(config)
    yield from localisation_problems(config)
    yield from _aggregation_problems(config["evaluation"], config["classes"])
    yield from _engine_problems(config)
    yield from _balance_problems(config["shards"])
    yield from sampling_problems(config)
    yield from _training_problems(config)
    yield from weights_problems(config["training"])
    yield from _server_problems(config["acquire"])


def _split_problems(split: Mapping[str, Any]) -> Iterator[str]:
    total = split["train"] + split["validation"] + split["test"]
    if abs(total - 1.0) > 1e-6:
        yield f"split: the fractions add up to {total:g}. Make them add up to 1."


def _method_problems(config: Mapping[str, Any]) -> Iterator[str]:
    method, encoders = config["method"], config["features"]["encoder"]
    if _takes_features(config) and not isinstance(encoders, str) and len(encoders) != 1:
        named = ", ".join(encoders)
        yield f"method is {method}, and features.encoder names {named}. Name the one whose features are to be taken."
    if method == "mil":
        yield from _mil_problems(config)


def _mil_problems(config: Mapping[str, Any]) -> Iterator[str]:
    mil, training = mil_section(config), config["training"]
    own = {key: value for key, value in mil.items() if key != "hidden"}
    shared = {key: training[key] for key in FROM_TRAINING + PIXELS_FROM_TRAINING}
    yield from _refused(
        lambda: MilParameters(
            **shared,
            **own,
            hidden=tuple(mil["hidden"]),
            ordered=config["ordered_classes"],
            seed=config["seed"],
        )
    )
    if config["localisation"]["class"] is not None and mil["pooling"] not in WITH_TILE_SCORES:
        yield (
            f"localisation.class is set, and mil.pooling: {mil['pooling']} gives tiles no scores. Set mil.pooling to "
            f"{' or '.join(WITH_TILE_SCORES)}, or localisation.class to null."
        )
    if mil["input"] == "pixels":
        yield from _pixel_problems(config)
    if config["labels"]["from"] == "patches":
        yield "labels.from is patches, and method: mil learns from whole slides. Set it to slide or annotations."
    if config["evaluation"]["aggregation"] == "heatmap_features":
        yield (
            "evaluation.aggregation is heatmap_features, and with method: mil the model itself scores slides. Choose "
            "another, which is not used."
        )


def _takes_features(config: Mapping[str, Any]) -> bool:
    return config["method"] == "probe" or (config["method"] == "mil" and config["mil"]["input"] == "features")


def _pixel_problems(config: Mapping[str, Any]) -> Iterator[str]:
    encoder = config["features"]["encoder"]
    if encoder not in (EMBEDDED, [EMBEDDED]):  # which config.yaml has, so that it may be nobody's wish
        named = encoder if isinstance(encoder, str) else ", ".join(encoder)
        yield (
            f"mil.input is pixels, and features.encoder asks for {named}, whose features no model would take. Set "
            "mil.input: features, or take features.encoder out of your config."
        )
    if config["training"]["input_fit"] == "crop":
        yield "mil.input is pixels, and takes tiles whole. Set training.input_fit: resize."
    if config["localisation"]["class"] is not None:
        yield (
            "localisation.class is set, and with mil.input: pixels a model looks at mil.tiles tiles of a slide and not "
            "at all. Set mil.input: features, or localisation.class to null."
        )


def _feature_problems(config: Mapping[str, Any]) -> Iterator[str]:
    features = config["features"]
    if features["tiles"] == "encoder" and features["source"] == "records":
        yield (
            "features.source is records, and pixels are stored of the tiles of tiling only. Set features.tiles: "
            "tiling, or features.source: slide."
        )
    if features["from"] is None:
        return
    encoders = features["encoder"]
    names = [encoders] if isinstance(encoders, str) else encoders
    if len(names) != 1 or names[0] == EMBEDDED or not _FOLDER_NAME.fullmatch(names[0]):
        yield (
            "features.from is set: set features.encoder to one name, of letters, digits and . _ -, that tells which "
            "encoder made those features."
        )
    if not _takes_features(config):
        what = "method: tiles" if config["method"] == "tiles" else "mil.input: pixels"
        yield f"features.from is set, and {what} learns from pixels. Set another, or features.from to null."
    if features["tiles"] == "encoder":
        yield "features.tiles is encoder, and features.from brings its own tiles. Set features.tiles: tiling."
    if features["source"] == "records":
        yield "features.source is records, and features.from has features already. Set one of them only."


def _aggregation_problems(evaluation: Mapping[str, Any], classes: Sequence[str]) -> Iterator[str]:
    measured = evaluation["heatmap_classes"]
    for name in measured or []:
        if name not in classes:
            yield f"evaluation.heatmap_classes: '{name}' is none of the classes ({', '.join(classes)}). Correct it."
    if measured and evaluation["aggregation"] != "heatmap_features":
        yield (
            "evaluation.heatmap_classes is set, and only heatmap_features uses it. Set evaluation.aggregation to "
            "heatmap_features, or evaluation.heatmap_classes to null."
        )


def _engine_problems(config: Mapping[str, Any]) -> Iterator[str]:
    is_onnx = config["prediction"]["engine"] == "onnx"
    if is_onnx and config["model"] and config["evaluation"]["aggregation"] == "heatmap_features":
        yield (
            "prediction.engine is onnx, and evaluation.aggregation heatmap_features: the classifier of heatmaps beside "
            "the model was fitted on scores of the very file that is to score. Set prediction.engine to keras."
        )


def _balance_problems(shards: Mapping[str, Any]) -> Iterator[str]:
    balance, cap = shards["balance"], shards["max_tiles_per_slide"]
    if balance == "slide_cap" and cap is None:
        yield "shards.balance is slide_cap: set shards.max_tiles_per_slide to a number of at least 1."
    if balance != "slide_cap" and cap is not None:
        yield (
            f"shards.max_tiles_per_slide is {cap}, and only slide_cap uses it. Set shards.balance to slide_cap, or "
            "shards.max_tiles_per_slide to null."
        )


def _training_problems(config: Mapping[str, Any]) -> Iterator[str]:
    training = config["training"]
    own = {key: value for key, value in training.items() if key not in ("tracking", "weights")}
    weights = Path(training["weights"]) if training["weights"] else None
    yield from _refused(lambda: ClassifierParameters(**own, weights=weights, seed=config["seed"]))
    yield from _refused(lambda: check_architecture(training["architecture"], training["input_size"]))
    if training["frozen_epochs"] and weights is None:
        yield (
            f"training.frozen_epochs is {training['frozen_epochs']}, and without training.weights the layers that do "
            "not learn would be random. Give weights to start from, or set training.frozen_epochs to 0."
        )
    tile_size = config["tiling"]["tile_size"]
    if training["input_fit"] == "crop" and training["input_size"] > tile_size:
        yield (
            f"training.input_size is {training['input_size']}, and no such crop can be cut from tiles of {tile_size} "
            "pixels. Lower it, raise tiling.tile_size, or set training.input_fit to resize."
        )


def _server_problems(acquire: Mapping[str, Any]) -> Iterator[str]:
    yield from _refused(lambda: check_address(acquire["server"], with_token=acquire["token_file"] is not None))


def _refused(attempt: Callable[[], object]) -> Iterator[str]:
    try:
        attempt()
    except SlidemillError as error:
        yield str(error)
