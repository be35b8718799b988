"""Where the files of the runs lie that are looked at: found in the results folder, while runs still go on."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slidemill.cohort.sheet import Slide
from slidemill.locations import is_address
from slidemill.tiling.store import store_paths

MAIN = "main"
_FOLD = re.compile(r"fold-([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A run, or one fold of it.

    Attributes:
        key: names it in requests.
        name: what readers call it.
        folder: of its evaluation.
        parts: folders of splits.tsv and predictions: one, or one for each fold.
        config: of the run.
    """

    key: str
    name: str
    folder: Path
    parts: tuple[Path, ...]
    config: Mapping[str, Any] = field(hash=False)

    def number_of(self, part: Path) -> int | None:
        """The number of a fold, from 0; None where there are no folds."""
        return None if part == self.folder else _fold_number(part)

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the model's outputs, as the config says."""
        return tuple(self.config.get("classes", ()))


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of a cohort lie.

    Attributes:
        results: folder of the run that the config names.
        shared: folder of what all experiments share: slides and tiles.
        config: of that run.
    """

    results: Path
    shared: Path
    config: Mapping[str, Any]

    @property
    def notes(self) -> Path:
        """What readers note."""
        return self.shared / "notes.jsonl"

    @property
    def tile_folders(self) -> list[Path]:
        """Folders of tile stores: those of `tiling`, then those of encoders that have tiles of their own."""
        tiles = self.shared / "tiles"
        return [tiles, *sorted(folder for folder in _folders(tiles) if folder.name.endswith("mpp"))]

    def store(self, slide_id: str) -> Path:
        """The tile store of a slide."""
        return store_paths(self.shared / "tiles", slide_id)[1]

    def outlines(self, slide_id: str) -> list[Path]:
        """Where the outlines of a slide's annotations may lie, the best first."""
        name = f"{slide_id}.geojson"
        return [folder / name for folder in (self.results / "outlines", self.shared / "exports" / "annotations")]

    def file_of(self, slide: Slide) -> Path | None:
        """The file of a slide on a disk; None where it lies in a storage."""
        if slide.path is None:
            return self.shared / "slides" / f"{slide.slide_id}.svs"
        return None if is_address(slide.path) else Path(slide.path)

    def runs(self) -> list[RunPlace]:
        """All runs of which something is there, that of the config first."""
        named = {self.shared: MAIN}
        for folder in _folders(self.shared / "experiments"):
            named[folder] = _key_of(folder.name)
        named.setdefault(self.results, _key_of(self.results.name))
        runs: list[RunPlace] = []
        for folder in sorted(named, key=lambda folder: (folder != self.results, named[folder] != MAIN, folder.name)):
            config = self.config if folder == self.results else _read_config(folder / "config.json")
            if config is not None:
                runs += _run_and_folds(named[folder], folder, config)
        return runs


def _run_and_folds(key: str, folder: Path, config: Mapping[str, Any]) -> list[RunPlace]:
    folds = sorted((part for part in _folders(folder) if _FOLD.fullmatch(part.name)), key=_fold_number)
    is_whole = not config.get("split", {}).get("folds") or bool(config.get("model"))
    if is_whole or not folds:
        return [RunPlace(key, key, folder, (folder,), config)]
    prefix = "" if key == MAIN else f"{key}/"
    return [
        RunPlace(key, f"{key}, all folds", folder, tuple(folds), config),
        *(
            RunPlace(f"{prefix}{fold.name}", f"{key}, {fold.name.replace('-', ' ')}", folder, (fold,), config)
            for fold in folds
        ),
    ]


def _key_of(experiment: str) -> str:
    """The name of an experiment, if it is not that of another run."""
    return f"experiments/{experiment}" if experiment == MAIN or _FOLD.fullmatch(experiment) else experiment


def _fold_number(folder: Path) -> int:
    found = _FOLD.fullmatch(folder.name)
    return int(found[1]) if found else 0


def _folders(parent: Path) -> list[Path]:
    try:
        return [path for path in parent.iterdir() if path.is_dir()]
    except OSError:
        return []


def _read_config(path: Path) -> dict[str, Any] | None:
    """The config of a run; None where it is not there, or not whole."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return config if isinstance(config, dict) else None
