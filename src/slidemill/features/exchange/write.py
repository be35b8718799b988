"""Write the features of a slide as another tool would."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import slidemill
from slidemill.atomic import atomic_path
from slidemill.features.exchange import Layout
from slidemill.features.exchange.tensor_file import write_tensor
from slidemill.features.store import FeatureStore, FeatureSummary
from slidemill.tiling.store import SlideFacts

_STAMP_VERSION = "2.0.0"  # whose layout it is
_UM_AT_ONE = 10.0  # microns per pixel at a magnification of one


def write_foreign(output: Path, layout: Layout, store: FeatureStore, slide: SlideFacts) -> list[Path]:
    """Write the features of a slide below a folder, where the tool looks for them.

    Args:
        output: the folder.
        layout: whose.
        store: the features, of a slide that was not set aside.
        slide: what is known of the slide.

    Returns:
        The files, each of them written atomically.
    """
    summary = store.summary
    name = f"{summary.slide_id}.h5"
    if layout == "stamp":
        path = output / summary.encoder / name
        arrays = {"feats": store.features, "coords": store.coordinates * slide.mpp}
        _write(path, arrays, of_file=_stamp_attributes(summary, slide))
        return [path]
    arrays = {"features": store.features.astype(np.float32), "coords": store.coordinates}
    attributes = _trident_attributes(summary, slide)
    if layout == "trident":
        path = output / _trident_folder(summary) / f"features_{summary.encoder}" / name
        _write(path, arrays, of_coords=attributes)
        return [path]
    path = output / summary.encoder / "h5_files" / name
    tensor = output / summary.encoder / "pt_files" / f"{summary.slide_id}.pt"
    _write(path, arrays, of_coords=attributes)
    write_tensor(tensor, store.features)
    return [path, tensor]


def _trident_folder(summary: FeatureSummary) -> str:
    return f"{_magnification(summary.mpp)}x_{summary.tile_size}px_0px_overlap"


def _trident_attributes(summary: FeatureSummary, slide: SlideFacts) -> dict[str, Any]:
    return {
        "patch_size": summary.tile_size,
        "patch_size_level0": summary.tile_extent,
        "level0_magnification": round(slide.objective_power or _UM_AT_ONE / slide.mpp),
        "target_magnification": _magnification(summary.mpp),
        "overlap": 0,
        "level0_width": slide.width,
        "level0_height": slide.height,
        "name": summary.slide_id,
    }


def _stamp_attributes(summary: FeatureSummary, slide: SlideFacts) -> dict[str, Any]:
    return {
        "stamp_version": _STAMP_VERSION,
        "extractor": summary.encoder,
        "unit": "um",
        "tile_size_um": summary.tile_extent * slide.mpp,
        "tile_size_px": summary.tile_size,
        "code_hash": f"slidemill-{slidemill.__version__}",
        "feat_type": "tile",
    }


def _magnification(mpp: float) -> int:
    """What the resolution is called: 20 for 0.5 microns per pixel."""
    return round(_UM_AT_ONE / mpp)


def _write(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    of_file: Mapping[str, Any] | None = None,
    of_coords: Mapping[str, Any] | None = None,
) -> None:
    # `atomic_path` holds a lock on the temporary file itself.
    with atomic_path(path) as temporary, h5py.File(temporary, "w", locking=False) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
        file.attrs.update(of_file or {})
        file["coords"].attrs.update(of_coords or {})
