"""How a run was made: versions and hashes."""

import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from slidemill.reporting.sources import Run, RunFiles
from slidemill.tiling.store import StoreSummary

_PACKAGES = ("snakemake", "tensorflow-cpu", "tensorflow", "keras", "horovod", "numpy", "zarr", "openslide-python")


def software_versions() -> dict[str, str]:
    """Versions of Python and of what matters here, as they are installed where the report is written."""
    installed = {distribution.name.lower(): distribution.version for distribution in metadata.distributions()}
    return {"python": platform.python_version()} | {name: installed[name] for name in _PACKAGES if name in installed}


def tiling_versions(summaries: Mapping[str, StoreSummary]) -> dict[str, str]:
    """The versions of the software that cut the tiles; several when the slides were cut at different times."""
    found: dict[str, set[str]] = {}
    for summary in summaries.values():
        for name, number in summary.versions.items():
            found.setdefault(name, set()).add(number)
    return {name: ", ".join(sorted(numbers)) for name, numbers in sorted(found.items())}


def file_hashes(run: Run, files: RunFiles) -> dict[str, str]:
    """SHA-256 of what the results follow from: model, shards, splits; and of the results themselves."""
    hashes = {}
    for number, (fold, training) in enumerate(zip(files.folds, run.trainings, strict=True)):
        of_fold = f"fold {number}, " if len(files.folds) > 1 else ""
        if model := _model(run.metrics, number):
            hashes[f"{of_fold}model"] = model
        hashes |= {f"{of_fold}{name}": digest for name, digest in _learned_from(training.plan or {}).items()}
        hashes[f"{of_fold}{fold.splits.name}"] = _sha256(fold.splits)
    return hashes | {path.name: _sha256(path) for path in (files.metrics, files.slides)}


def _model(metrics: Mapping[str, Any], fold: int) -> str | None:
    folds = metrics["cross_validation"]
    model: str | None = folds["folds"][fold]["model_sha256"] if folds else metrics["model_sha256"]
    return model


def _learned_from(plan: Mapping[str, Any]) -> dict[str, str]:
    if "pixels" in plan:
        return {"tiles and labels": plan["sha256"]}
    if "features" in plan:
        return {"weights of the encoder": plan["features"]["weights_sha256"], "features and labels": plan["sha256"]}
    shards = [shard for part in ("train", "validation") for shard in plan.get(part, {}).get("shards", [])]
    return {Path(shard["file"]).name: shard["sha256"] for shard in shards}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
