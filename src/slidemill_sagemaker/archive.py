"""model.tar.gz, as SageMaker unpacks it at /opt/ml/model: the same bytes for the same model, whenever it is packed."""

import gzip
import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from slidemill.hashing import file_sha256
from slidemill.inference.model_file import describe, engine_of
from slidemill.serving.options import FILE as OPTIONS_FILE
from slidemill.serving.options import ServingOptions

# What lies beside a model and belongs to it, where it is there.
BESIDE = ("model.onnx",)
# Weights hardly get smaller, so that more effort is for nothing.
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a trained model.

    Attributes:
        paths: each file by its name in the archive.
        options: how slides are cut and scored, `serving.json` in the archive.
        sha256: of names and contents.
    """

    paths: dict[str, Path]
    options: bytes
    sha256: str


def find_model_files(model_file: Path, beside: Path, options: ServingOptions) -> ModelFiles:
    """The files of a model.

    Args:
        model_file: model.keras or model.onnx.
        beside: folder of what belongs to it.
        options: how slides are cut and scored.

    Raises:
        ModelFileError: the model is missing, damaged, or has no description.
    """
    describe(model_file)
    paths = {name: path for name in BESIDE if (path := beside / name).exists()}
    paths[f"model.{engine_of(model_file)}"] = model_file
    parts = [f"{name}\0{file_sha256(path)}\n" for name, path in sorted(paths.items())]
    told = options.as_json()
    return ModelFiles(paths, told.encode(), hashlib.sha256("".join([*parts, told]).encode()).hexdigest())


def write_archive(files: ModelFiles, path: Path) -> None:
    """Write the archive. It tells nothing of who packed it and when."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.addfile(_entry(OPTIONS_FILE, len(files.options)), io.BytesIO(files.options))
        for name, file in sorted(files.paths.items()):
            with file.open("rb") as content:
                archive.addfile(_entry(name, file.stat().st_size), content)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry
