"""The three levels on which a model is evaluated: tiles, slides and patients."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from slidemill.annotations.decide import NO_LABEL
from slidemill.evaluation.aggregate import ALL_METHODS, TILE_METHODS, Method, SlideScore, winner
from slidemill.evaluation.samples import Samples, integers
from slidemill.splits.design import GroupBy

# By what tiles are judged: the class of their slide, or what annotations say of each.
TileJudge = Literal["slide", "annotations"]
TILE_JUDGES: tuple[TileJudge, ...] = get_args(TileJudge)


@dataclass(frozen=True, slots=True)
class ScoredSlide:
    """A slide with the scores of its tiles.

    Attributes:
        score: of the slide.
        label: its true class.
        tile_scores: (tiles, classes) float32; (0, classes) where the model scores no tiles.
        site: empty where it is not known.
        tile_labels: (tiles,) int64, the class of each tile by annotations, or NO_LABEL; None where none were asked.
        relevance: (tiles, classes), what puts tiles in order, see `Predictions.relevance`; None for their scores.
    """

    score: SlideScore
    label: str
    tile_scores: np.ndarray
    site: str = ""
    tile_labels: np.ndarray | None = None
    relevance: np.ndarray | None = None


class Cohort:
    """The scored slides of a split.

    Attributes:
        classes: class names, in order.
        slides: the scored slides.
        patients: ids of their patients, sorted.
        methods: the ways in which all of them were aggregated.
        unit_name: what is tested as a whole, "patient" or "site".
        units: names of the units, sorted.
        tiles_as: by what tiles are judged.
        is_ordered: whether classes are grades, from the lowest to the highest.
    """

    def __init__(
        self,
        slides: Sequence[ScoredSlide],
        classes: Sequence[str],
        unit: GroupBy = "patient",
        tiles_as: TileJudge = "slide",
        *,
        is_ordered: bool = False,
    ) -> None:
        self.classes = tuple(classes)
        self.tiles_as = tiles_as
        self.is_ordered = is_ordered
        self.slides = list(slides)
        common = [name for name in ALL_METHODS if all(name in slide.score.scores for slide in slides)]
        self.methods: list[Method] = common if slides else list(TILE_METHODS)
        self.patients = sorted({slide.score.patient_id for slide in slides})
        self.unit_name = unit
        self._row = {patient: row for row, patient in enumerate(self.patients)}
        self._number = {name: place for place, name in enumerate(classes)}
        unit_of = _sites(slides) if unit == "site" else {patient: patient for patient in self.patients}
        self.units = sorted(set(unit_of.values()))
        place = {name: number for number, name in enumerate(self.units)}
        self._unit_of_patient = integers([place[unit_of[patient]] for patient in self.patients])

    def tiles(self) -> Samples:
        """Every tile with the class of its slide; or by annotations, those that have a class."""
        counts = [len(slide.tile_scores) for slide in self.slides]
        scores = np.concatenate([np.zeros((0, len(self.classes)), np.float32), *(s.tile_scores for s in self.slides)])
        by_slide = self.tiles_as == "slide"
        true = np.repeat(self._labels(), counts) if by_slide else self._tile_labels()
        samples = Samples(
            self.classes,
            unit=np.repeat(self._slide_units(), counts),
            true=true,
            predicted=scores.argmax(axis=1),
            scores=scores,
            unit_name=self.unit_name,
            is_ordered=self.is_ordered,
        )
        return samples if by_slide else samples.take(true != NO_LABEL).renumbered()

    def unit_names(self) -> list[str]:
        """The name of each slide's unit."""
        return [self.units[number] for number in self._slide_units()]

    def slides_by(self, method: Method) -> Samples:
        """Every slide, aggregated by a method."""
        return Samples(
            self.classes,
            unit=self._slide_units(),
            true=self._labels(),
            predicted=integers([self._number[slide.score.predicted[method]] for slide in self.slides]),
            scores=self._scores(method),
            unit_name=self.unit_name,
            is_ordered=self.is_ordered,
        )

    def patients_by(self, method: Method) -> Samples:
        """Every patient: the mean of the scores of its slides, each slide counting the same.

        A patient with slides of several classes, such as tumour and normal tissue, comes once for each of them, with
        the slides of that class.
        """
        cases = sorted(set(zip(self._patient_rows().tolist(), self._labels().tolist(), strict=True)))
        place = {case: number for number, case in enumerate(cases)}
        case_of_slide = [
            place[case] for case in zip(self._patient_rows().tolist(), self._labels().tolist(), strict=True)
        ]
        scores: dict[Method, np.ndarray] = {
            name: self._case_means(name, case_of_slide, len(cases)) for name in self.methods
        }
        by_case = [{name: scores[name][number].tolist() for name in self.methods} for number in range(len(cases))]
        return Samples(
            self.classes,
            unit=self._unit_of_patient[integers([patient for patient, _ in cases])],
            true=integers([label for _, label in cases]),
            predicted=integers([winner(of_case, method) for of_case in by_case]),
            scores=scores[method],
            unit_name=self.unit_name,
            is_ordered=self.is_ordered,
        )

    def _case_means(self, method: Method, case_of_slide: Sequence[int], cases: int) -> np.ndarray:
        members = np.zeros((cases, len(self.slides)))
        members[case_of_slide, np.arange(len(self.slides))] = 1
        return (members @ self._scores(method)) / members.sum(axis=1, keepdims=True)

    def _patient_rows(self) -> np.ndarray:
        return integers([self._row[slide.score.patient_id] for slide in self.slides])

    def _slide_units(self) -> np.ndarray:
        return self._unit_of_patient[self._patient_rows()]

    def _tile_labels(self) -> np.ndarray:
        labels = [
            slide.tile_labels for slide in self.slides if slide.tile_labels is not None and len(slide.tile_scores)
        ]
        return np.concatenate([np.zeros(0, np.int64), *labels])

    def _labels(self) -> np.ndarray:
        return integers([self._number[slide.label] for slide in self.slides])

    def _scores(self, method: Method) -> np.ndarray:
        scores = [list(slide.score.scores[method].values()) for slide in self.slides]
        return np.array(scores, dtype=np.float64).reshape(-1, len(self.classes))


def _sites(slides: Iterable[ScoredSlide]) -> dict[str, str]:
    """The site of each patient, as splits by site take it; one that is not known is a site of its own."""
    sites = {slide.score.patient_id: f"patient {slide.score.patient_id}" for slide in slides}
    return sites | {slide.score.patient_id: slide.site for slide in slides if slide.site}
