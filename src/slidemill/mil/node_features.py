"""The features of a split where this rank reads them: in memory once for all ranks of a machine, where they fit."""

import hashlib
import json
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from uuid import uuid4

import psutil

from slidemill.features.store import features_path
from slidemill.machine import machine_trouble
from slidemill.mil.tile_values import FeatureFiles, MappedTiles, TileValues, append_tiles, mapped_bytes
from slidemill.splits import SplitRow
from slidemill.tiling.quality import QualityFlag
from slidemill.training import ranks
from slidemill.training.method import Moves
from slidemill.zarr_zip import ZarrZipError

_log = logging.getLogger(__name__)

# Of the memory, and of the disk for temporary files, that nothing uses when a training starts.
_SHARE_OF_MEMORY = 0.5
_SHARE_OF_DISK = 0.8
_PART_BYTES = 1_000_000_000


def node_features(source: FeatureFiles, folder: Path | None, moves: Moves) -> TileValues:
    """The features of slides; called on all ranks together.

    Where they fit into half of the memory and most of the disk that is free, one rank of each machine writes them to
    one file without a name, which all ranks of the machine map. Else they are read slide by slide, whenever they are
    needed.

    Args:
        source: the slides, on all ranks the same.
        folder: for the file; None for the machine's folder for temporary files.
        moves: called while the file is written.

    Raises:
        FeaturesMismatchError, ZarrZipError: as `FeatureFiles.of_slide`; on the rank that reads them.
    """
    dimension = source.summary().dimension
    place = Path(folder or tempfile.gettempdir())
    size = mapped_bytes(source.slides, dimension)
    # Ranks of one machine see the same disk, but not at the same time.
    fits = all(ranks.gathered_objects(_fits(size, place)))
    if not fits:
        _log.info("%.1f GB of features do not fit into memory; they are read bag by bag", size / 1e9)
        return source
    first = ranks.local_rank() == 0
    path = place / f"slidemill-features-{ranks.broadcast_object(uuid4().hex)}"
    try:
        for part in _parts(source.slides, dimension):
            if first:
                append_tiles(path, source, part, dimension)
            ranks.gathered_objects(None)  # so that others wait for a part and not for all, as if they hung
            moves()
        mapped = MappedTiles.open(path, source.slides, dimension)
        ranks.gathered_objects(None)
    finally:
        if first:
            path.unlink(missing_ok=True)
    return mapped


def features_sha256(rows: Iterable[SplitRow], folder: Path, exclude: Collection[QualityFlag]) -> str:
    """A hash of slides, their labels and splits, and of the features that are used of them.

    Of features it takes the checksums that their files hold, so that nothing large is read.

    Raises:
        ZarrZipError: a file is missing or damaged.
    """
    digest = hashlib.sha256(json.dumps(sorted(exclude)).encode())
    for row in rows:
        facts = [row.slide_id, row.patient_id, row.label, row.split, row.tile_count]
        entries = _checksums(features_path(folder, row.slide_id)) if row.tile_count else []
        digest.update(json.dumps([facts, entries]).encode())
    return digest.hexdigest()


def _parts(slides: Sequence[SplitRow], dimension: int) -> list[range]:
    """Places of slides whose features together have at least `_PART_BYTES`, but for the last."""
    parts, start, size = [], 0, 0
    for place, row in enumerate(slides, 1):
        size += mapped_bytes([row], dimension)
        if size >= _PART_BYTES or place == len(slides):
            parts.append(range(start, place))
            start, size = place, 0
    return parts


def _checksums(path: Path) -> list[tuple[str, int, int]]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [(entry.filename, entry.CRC, entry.file_size) for entry in archive.infolist()]
    except (OSError, zipfile.BadZipFile) as error:
        if trouble := machine_trouble(error, path):
            raise trouble from error
        raise ZarrZipError(path, str(error)) from error


def _fits(size: int, place: Path) -> bool:
    memory, disk = psutil.virtual_memory().available, shutil.disk_usage(place).free
    return size <= _SHARE_OF_MEMORY * memory and size <= _SHARE_OF_DISK * disk
