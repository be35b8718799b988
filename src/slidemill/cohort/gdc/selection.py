"""What a cohort is to be made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from slidemill.cohort.sheet import NORMAL
from slidemill.errors import ConfigError

Section = Literal["frozen", "ffpe"]
SECTIONS: tuple[Section, ...] = get_args(Section)
_STRATEGIES = {"frozen": "Tissue Slide", "ffpe": "Diagnostic Slide"}


@dataclass(frozen=True, slots=True)
class Selection:
    """What to ask the GDC for, and what its answers mean.

    Attributes:
        classes: of the config; each of them has to come up.
        projects: the class of each project's tumour slides, such as {"TCGA-LUAD": "LUAD"}.
        sections: "frozen" (top, middle and bottom sections, TS, MS and BS), "ffpe" (diagnostic slides, DX), or both.
        filters: further fields of the GDC's files, and the values that they may have.
        controlled: whether files of controlled access are wanted too.
    """

    classes: Sequence[str]
    projects: Mapping[str, str]
    sections: Sequence[Section]
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    controlled: bool = False

    def __post_init__(self) -> None:
        for name in self.classes:
            if name not in (NORMAL, *self.projects.values()):
                raise ConfigError(
                    f"config: class '{name}' can have no slide: it is the class of none of select.projects "
                    f"({', '.join(f'{p}: {c}' for p, c in self.projects.items())})."
                )
        if NORMAL in self.classes and NORMAL not in self.projects.values() and "frozen" not in self.sections:
            raise ConfigError(
                f"config: class '{NORMAL}' can have no slide: TCGA has normal tissue among the frozen slides only. "
                f"Add frozen to select.sections, or take {NORMAL} out of classes."
            )

    def question(self) -> dict[str, Any]:
        """The filters, as the GDC's API takes them."""
        wanted: dict[str, Sequence[str]] = {
            "cases.project.project_id": list(self.projects),
            "files.data_format": ["SVS"],
            "files.data_type": ["Slide Image"],
            "files.experimental_strategy": [_STRATEGIES[section] for section in self.sections],
        }
        if not self.controlled:
            wanted["files.access"] = ["open"]
        return all_of({**wanted, **self.filters})


def all_of(wanted: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """A filter of the GDC's API: each field has one of its values."""
    parts = [{"op": "in", "content": {"field": name, "value": list(values)}} for name, values in wanted.items()]
    return {"op": "and", "content": parts}
