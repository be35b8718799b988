"""The file with weights to start from, as far as it can be judged without TensorFlow."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slidemill.locations import is_address
from slidemill.training.description import ModelFileError, read_description

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"


def weights_problems(training: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for a file without weights or with those of another architecture; nothing for one that is not here."""
    weights = training["weights"]
    if weights is None or is_address(weights):
        return
    try:
        with Path(weights).open("rb") as file:
            head = file.read(len(_HDF5))
    except OSError:
        return  # a job on another machine reads it, or Snakemake tells that it is missing
    if not head.startswith((_HDF5, _ZIP)):
        yield f"training.weights: {weights} is no file of Keras. Give a .keras, a .weights.h5 or a notop .h5."
        return
    of_file = _architecture_of(Path(weights)) if head.startswith(_ZIP) else None
    if of_file not in (None, training["architecture"]):
        yield (
            f"training.weights: {weights} is of the architecture {of_file}, and training.architecture is "
            f"{training['architecture']}. Give both the same."
        )


def _architecture_of(model: Path) -> str | None:
    """The architecture of a model of slidemill; None for other files of Keras."""
    try:
        return read_description(model).architecture
    except ModelFileError:
        return None
