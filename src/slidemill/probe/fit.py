"""Fit a probe: a solution for each strength of the penalty, and the one with the lowest validation loss is kept."""

import hashlib
import importlib.metadata
import json
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

import slidemill
from slidemill.atomic import write_text
from slidemill.features.checks import encoder_facts, refuse_other_encoder
from slidemill.features.store import FeatureSummary
from slidemill.probe.parameters import ProbeInputs, ProbeOutputs, ProbeParameters
from slidemill.probe.regression import (
    Coefficients,
    Standardisation,
    Workers,
    scores_of,
    solve,
    standardisation_of,
    workers,
)
from slidemill.probe.tiles import LabelledTiles, read_tiles
from slidemill.splits import Split, read_splits
from slidemill.tiling.quality import QualityFlag
from slidemill.training.auc import macro_auc
from slidemill.training.description import EncoderDescription, ModelDescription
from slidemill.training.history import write_history
from slidemill.training.mlflow_run import TrackedRun
from slidemill.training.tracking import Tracker

FORMAT = "slidemill probe 1"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One strength of the penalty.

    Attributes:
        trial: from 1 on, from the strongest penalty to the weakest.
        l2: its strength.
        iterations: of the solver.
        train_loss, validation_loss: mean over tiles as they weigh, without the penalty.
        train_accuracy, validation_accuracy: share of right tiles, each tile counted once.
        validation_auc: mean over classes of the AUC against the rest; NaN where validation tiles are of one class.
    """

    trial: int
    l2: float
    iterations: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_auc: float

    @property
    def place(self) -> int:
        """The trial."""
        return self.trial


@dataclass(frozen=True)
class _Data:
    train: LabelledTiles
    validation: LabelledTiles
    encoder: FeatureSummary

    @cached_property
    def sha256(self) -> str:
        """Of all features and labels."""
        return hashlib.sha256((self.train.sha256() + self.validation.sha256()).encode()).hexdigest()


def fit_probe(
    inputs: ProbeInputs,
    outputs: ProbeOutputs,
    parameters: ProbeParameters,
    *,
    classes: Sequence[str],
    exclude: Collection[QualityFlag],
    threads: int,
    tracking: str | None,
) -> None:
    """Fit a probe and write it as a model file, with its history.

    The files do not depend on the number of threads.

    Args:
        inputs: files to read.
        outputs: files to write.
        parameters: how to fit.
        classes: in order.
        exclude: tiles with one of these flags are left out, as splits.tsv does.
        threads: CPU threads.
        tracking: where MLflow is told, as `tracking_uri` gives it; None for nowhere.

    Raises:
        FeaturesMismatchError: there are no tiles; or features are not of the tiles of their store, not all of one
            encoder, or not finite.
        ZarrZipError: a file is missing or damaged.
    """
    data = _read(inputs, parameters, classes, exclude)
    _log.info("%d tiles to learn from, %d to validate on", len(data.train.labels), len(data.validation.labels))
    with Tracker(tracking) as tracker, workers(threads) as pool:
        tracker.begin(_tracked_run(data, parameters, classes), [])
        standardisation = standardisation_of(data.train.features, pool)
        rows: list[TrialRow] = []
        for row, coefficients in _trials(data, standardisation, parameters, len(classes), pool):
            rows.append(row)
            tracker.report(rows)
            if row is best_trial(rows):
                best = coefficients
        chosen = best_trial(rows)
        write_history(outputs.history, rows)
        write_text(outputs.facts, json.dumps(_facts(data, inputs, parameters, exclude, chosen), indent=1) + "\n")
        from slidemill.probe.model import probe_model  # imports TensorFlow, which takes seconds
        from slidemill.training.model_file import save_model
        from slidemill.training.software import software

        description = _description(data, classes, software("numpy", "scipy"))
        save_model(outputs.model, probe_model(standardisation, best), description)
        tracker.keep(outputs.model, description, outputs.history, outputs.facts)
    _log.info("%s: l2 %g, validation loss %.4f", outputs.model, chosen.l2, chosen.validation_loss)


def best_trial(rows: Sequence[TrialRow]) -> TrialRow:
    """The trial with the lowest validation loss; of equals the one with the strongest penalty."""
    return min(rows, key=lambda row: row.validation_loss)


def _read(
    inputs: ProbeInputs, parameters: ProbeParameters, classes: Sequence[str], exclude: Collection[QualityFlag]
) -> _Data:
    rows = read_splits(inputs.splits)

    def of(split: Split) -> tuple[LabelledTiles, FeatureSummary]:
        return read_tiles(
            [row for row in rows if row.split == split],
            features=inputs.features,
            tiles=inputs.tiles,
            exclude=exclude,
            classes=classes,
            balance=parameters.balance,
            annotated=inputs.annotated,
            sampling=inputs.sampling if split == "train" else None,
        )

    (train, encoder), (validation, of_validation) = of("train"), of("validation")
    refuse_other_encoder(inputs.features, of_validation, encoder_facts(encoder), "the train slides")
    return _Data(train, validation, encoder)


def _trials(
    data: _Data, standardisation: Standardisation, parameters: ProbeParameters, classes: int, pool: Workers
) -> Iterator[tuple[TrialRow, Coefficients]]:
    """Each solution starts from the one with the next stronger penalty."""
    present = Coefficients(np.zeros((data.train.features.shape[1], classes)), np.zeros(classes))
    for trial, l2 in enumerate(sorted(set(parameters.l2), reverse=True), 1):
        solution = solve(
            data.train,
            standardisation,
            l2=l2,
            start=present,
            max_iterations=parameters.max_iterations,
            threads=pool,
        )
        present = solution.coefficients
        if not solution.converged:
            _log.warning("l2 %g: not solved in %d iterations; raise probe.max_iterations", l2, solution.iterations)
        train, validation = (
            _quality(part, scores_of(part.features, standardisation, present, pool))
            for part in (data.train, data.validation)
        )
        row = TrialRow(trial, l2, solution.iterations, *train[:2], *validation)
        _log.info(
            "l2 %g: %d iterations, train loss %.4f; validation loss %.4f, accuracy %.4f, AUC %.4f",
            *(l2, row.iterations, row.train_loss, row.validation_loss, row.validation_accuracy, row.validation_auc),
        )
        yield row, present


def _quality(tiles: LabelledTiles, log_scores: np.ndarray) -> tuple[float, float, float]:
    """Loss, accuracy and AUC."""
    loss = -float(tiles.weights @ log_scores[np.arange(len(tiles.labels)), tiles.labels])
    accuracy = float(np.mean(log_scores.argmax(axis=1) == tiles.labels))
    return loss, accuracy, macro_auc(log_scores, tiles.labels)


def _facts(
    data: _Data,
    inputs: ProbeInputs,
    parameters: ProbeParameters,
    exclude: Collection[QualityFlag],
    chosen: TrialRow,
) -> dict[str, Any]:
    def of(part: LabelledTiles) -> dict[str, Any]:
        return {"tiles": len(part.labels), "class_tiles": part.class_tiles, "slide_tiles": part.slide_tiles}

    return {
        "format": FORMAT,
        "classes": list(data.train.class_tiles),
        "exclude": list(exclude),
        "features": encoder_facts(data.encoder) | {"precision": data.encoder.precision},
        "balance": parameters.balance,
        "sampling": inputs.sampling.facts() if inputs.sampling else None,
        "l2": chosen.l2,
        "train": of(data.train),
        "validation": of(data.validation),
        "sha256": data.sha256,
    }


def _description(data: _Data, classes: Sequence[str], versions: dict[str, str]) -> ModelDescription:
    encoder = data.encoder
    return ModelDescription(
        architecture="linear",
        classes=tuple(classes),
        tile_size_px=encoder.tile_size,
        tile_mpp=encoder.mpp,
        input_size_px=encoder.input_size,
        input_fit=encoder.fit,
        training_data_sha256=data.sha256,
        versions=versions,
        method="probe",
        encoder=EncoderDescription(
            name=encoder.encoder,
            weights_sha256=encoder.weights_sha256,
            dimension=encoder.dimension,
            normalisation=encoder.normalisation,
            pooling=encoder.pooling,
        ),
    )


def _tracked_run(data: _Data, parameters: ProbeParameters, classes: Sequence[str]) -> TrackedRun:
    chosen = {"method": "probe", "classes": ", ".join(classes), **asdict(parameters), **encoder_facts(data.encoder)}
    fingerprint = hashlib.sha256(json.dumps([chosen, data.sha256], sort_keys=True).encode()).hexdigest()
    return TrackedRun(
        name=f"probe on {data.encoder.encoder} {fingerprint[:8]}",
        fingerprint=fingerprint,
        goes_on=False,
        parameters=chosen,
        tags={
            "slidemill.training_data_sha256": data.sha256,
            "version.slidemill": slidemill.__version__,
            **{f"version.{name}": importlib.metadata.version(name) for name in ("numpy", "scipy")},
        },
        metric_of_rows="l2",
    )
