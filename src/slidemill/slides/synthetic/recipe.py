"""What a synthetic slide shows, as a value and as the text that stands in a slide sheet."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from slidemill.errors import SlidemillError
from slidemill.units import Mpp

Tissue = Literal["glands", "nests", "alveoli", "none"]
Power = Literal[20, 40]
Flaw = Literal["pen", "truncated"]
_Choice = TypeVar("_Choice")

_SMALLEST_MM = 0.3
_LARGEST_MM = 10.0
_POWERS: dict[str, Power] = {f"{power}x": power for power in get_args(Power)}
_TISSUES: dict[str, Tissue] = {tissue: tissue for tissue in get_args(Tissue)}
_LESIONS: dict[str, Tissue] = {tissue: tissue for tissue in _TISSUES.values() if tissue != "none"}
_FLAWS: dict[str, Flaw] = {flaw: flaw for flaw in get_args(Flaw)}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)mm", re.ASCII)


class RecipeError(SlidemillError):
    """A text that describes no synthetic slide."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(text, problem)
        self.text = text
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"recipe {self.text!r}: {self.problem}. "
            f"Write 'TISSUE POWER WIDTHxHEIGHTmm [FLAW]', such as 'glands 40x 2.0x1.8mm pen': "
            f"tissue {_one_of(_TISSUES)}, or two with lesions such as 'alveoli+nests'; power {_one_of(_POWERS)}; "
            f"each side {_SMALLEST_MM} to {_LARGEST_MM} mm; flaw {_one_of(_FLAWS)} or nothing."
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to draw.

    Attributes:
        tissue: the architecture: rings of nuclei around lumina, solid sheets with keratin pearls, thin septa around
            air spaces, or glass with nothing but dust.
        power: objective power; 20 is scanned at 0.5 um per pixel, 40 at 0.25.
        width_mm, height_mm: the scanned area, 0.3 to 10 mm a side.
        lesion: the architecture of lesions within the tissue; None: it has none.
        flaw: "pen" draws ink over the tissue, "truncated" cuts the finished file short.

    Raises:
        RecipeError: a side is too short or too long, or the tissue can show no such lesion.
    """

    tissue: Tissue
    power: Power
    width_mm: float
    height_mm: float
    flaw: Flaw | None = None
    lesion: Tissue | None = None

    def __post_init__(self) -> None:
        for side in (self.width_mm, self.height_mm):
            if not _SMALLEST_MM <= side <= _LARGEST_MM:  # also refuses NaN
                raise RecipeError(str(self), f"a side of {side} mm is outside {_SMALLEST_MM} to {_LARGEST_MM} mm")
        if self.lesion is not None and self.tissue in ("none", self.lesion):
            raise RecipeError(str(self), f"no lesions of {self.lesion} can be seen in {self.tissue}")

    def __str__(self) -> str:
        """The text from which `parse` makes this recipe again."""
        size = f"{_plain(self.width_mm)}x{_plain(self.height_mm)}mm"
        tissue = f"{self.tissue}+{self.lesion}" if self.lesion else self.tissue
        words = (tissue, f"{self.power}x", size, self.flaw)
        return " ".join(word for word in words if word)

    @classmethod
    def parse(cls, text: str) -> "Recipe":
        """Read a text such as "glands 40x 2.0x1.8mm pen": tissue, power, size and, if wanted, one flaw.

        Raises:
            RecipeError: a word is missing, is one too many, or is not one of the allowed ones.
        """
        words = text.split()
        if not 3 <= len(words) <= 4:
            raise RecipeError(text, f"{len(words)} words, expected 3 or 4")
        size = _SIZE.fullmatch(words[2])
        if size is None:
            raise RecipeError(text, f"{words[2]!r} is no size in mm")
        tissue, plus, lesion = words[0].partition("+")
        power = _chosen(words[1], _POWERS, text)
        flaw = None
        if len(words) == 4:
            flaw = _chosen(words[3], _FLAWS, text)
        try:
            return cls(
                tissue=_chosen(tissue, _TISSUES, text),
                power=power,
                width_mm=float(size[1]),
                height_mm=float(size[2]),
                flaw=flaw,
                lesion=_chosen(lesion, _LESIONS, text) if plus else None,
            )
        except RecipeError as error:
            raise RecipeError(text, error.problem) from None

    @property
    def mpp(self) -> Mpp:
        """The resolution of the scan."""
        return Mpp.of_objective(self.power)


def _chosen(word: str, allowed: Mapping[str, _Choice], text: str) -> _Choice:
    if word not in allowed:
        raise RecipeError(text, f"{word!r} is not {_one_of(allowed)}")
    return allowed[word]


def _one_of(allowed: Iterable[str]) -> str:
    return " or ".join(allowed)


def _plain(side_mm: float) -> str:
    return repr(float(side_mm))  # the shortest decimal that reads back as the same number; no exponent in this range
