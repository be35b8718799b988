"""model.onnx of a trained model: written only if its scores are the model's own; imports TensorFlow."""

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from slidemill.atomic import atomic_path, write_text
from slidemill.export.check_slides import CheckSlide
from slidemill.export.conversion import to_onnx
from slidemill.export.drift import Drift, Outputs, check_drift
from slidemill.export.functions import model_function
from slidemill.export.own_scores import CheckTiles, decoded, score_check_tiles
from slidemill.export.precision import with_precision
from slidemill.hashing import file_sha256
from slidemill.inference.onnx_file import OnnxFacts, OnnxPrecision, serialised
from slidemill.inference.onnx_model import OnnxModel
from slidemill.onnx_session import Provider
from slidemill.tiling.quality import QualityFlag
from slidemill.training.backend import configure
from slidemill.training.description import read_description

_log = logging.getLogger(__name__)


def export_onnx(
    model_file: Path,
    slides: Sequence[CheckSlide],
    *,
    exclude: Collection[QualityFlag] = (),
    precision: OnnxPrecision = "float32",
    output: Path,
    check_json: Path,
    threads: int = 1,
    provider: Provider = "auto",
) -> None:
    """Write a model as ONNX; see `slidemill.export.functions.model_function` for its input and outputs.

    Args:
        model_file: model.keras.
        slides: on whose tiles the network is checked against the model.
        exclude: tiles with one of these flags are left out.
        precision: of weights and computation.
        output: model.onnx, written if its scores are near enough to the model's (`slidemill.export.drift`).
        check_json: how near they are, written with it.
        threads: CPU threads.
        provider: what runs the network while it is checked.
    Raises:
        ModelFileError: the model is missing, damaged, or has no description.
        ConversionError: the model has an operation that ONNX has not.
        DriftError: its scores are too far from the model's.
        NoTilesError: there is no tile to check it on.
        SlidemillError: tiles of a slide are damaged, or not those that the model takes.
    """
    description = read_description(model_file)
    configure(threads)
    check = score_check_tiles(model_file, description, slides, exclude)
    network = with_precision(to_onnx(*model_function(check.model, description)), precision)
    with atomic_path(output) as temporary:
        facts = OnnxFacts(description=description, model_sha256=file_sha256(model_file), precision=precision)
        temporary.write_bytes(serialised(network, facts))
        drift = _drift_of(check, OnnxModel(temporary, threads=threads, provider=provider))
        _log.info("%s: %s", precision, drift)
        check_drift(drift, precision)
        told = asdict(drift)
        temporary.write_bytes(serialised(network, replace(facts, check=told)))
    write_text(check_json, json.dumps({"precision": precision, **told}, indent=1) + "\n")


def _drift_of(check: CheckTiles, network: OnnxModel) -> Drift:
    is_bag = check.description.method == "mil"

    def outputs(tiles: list[bytes] | np.ndarray) -> Outputs:
        values = decoded(tiles, check.description) if isinstance(tiles, list) else tiles
        return network.outputs(values) if is_bag else {"scores": network.scores_of_rows(values)}

    return check.drift(outputs)
