"""How a run was made: versions and hashes."""

import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

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
    shards = [shard for part in ("train", "validation") for shard in (run.plan or {}).get(part, {}).get("shards", [])]
    return {
        **({"model": run.metrics["model_sha256"]} if run.metrics["model_sha256"] else {}),
        **{Path(shard["file"]).name: shard["sha256"] for shard in shards},
        **{path.name: _sha256(path) for path in (files.splits, files.metrics, files.slides)},
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
