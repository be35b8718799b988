"""model.keras: a trained model and its description in one file, the same bytes for the same model."""

import itertools
import json
import re
import zipfile
from collections import defaultdict
from pathlib import Path

from slidemill.atomic import atomic_path
from slidemill.training.backend import keras
from slidemill.training.description import NO_DATE, ModelDescription, add_description

_METADATA = "metadata.json"
_CONFIG = "config.json"
_SHARED_OBJECT = re.compile(rb'("shared_object_id": )(\d+)')


def save_model(path: Path, model: keras.Model, description: ModelDescription) -> None:
    """Write a model with its description, atomically."""
    with atomic_path(path) as temporary:
        dated = temporary.with_name(f"{temporary.stem}-dated.keras")
        try:
            model.save(dated)
            _copy_reproducibly(dated, temporary)
        finally:
            dated.unlink(missing_ok=True)
        add_description(temporary, description)


def load_model(path: Path) -> keras.Model:
    """Read a model that `save_model` wrote."""
    return keras.saving.load_model(path, compile=False)


def _copy_reproducibly(dated: Path, undated: Path) -> None:
    with zipfile.ZipFile(dated) as source, zipfile.ZipFile(undated, "w") as target:
        for name in sorted(source.namelist()):
            target.writestr(zipfile.ZipInfo(name, date_time=NO_DATE), _reproducible(name, source.read(name)))


def _reproducible(name: str, content: bytes) -> bytes:
    if name == _METADATA:
        return json.dumps(json.loads(content) | {"date_saved": ""}).encode()
    if name == _CONFIG:
        return _with_counted_objects(content)
    return content


def _with_counted_objects(config: bytes) -> bytes:
    """Number shared objects in order of appearance; Keras numbers them by their addresses in memory."""
    numbers: defaultdict[bytes, int] = defaultdict(itertools.count(1).__next__)
    return _SHARED_OBJECT.sub(lambda found: found[1] + str(numbers[found[2]]).encode(), config)
