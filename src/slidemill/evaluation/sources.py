"""Reading the scores of slides and checking that they fit together."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from slidemill.errors import ConfigError
from slidemill.evaluation.aggregate import Aggregation, PredictionsError, SlideScore
from slidemill.evaluation.slide_classifier import SlideClassifier, read_classifier
from slidemill.inference.store import Predictions, predictions_path, read_predictions


def load_predictions(folder: Path, slide_id: str, classes: Sequence[str] | None = None) -> Predictions:
    """Read the predictions of a slide.

    Args:
        folder: holds {slide_id}.zarr.zip.
        slide_id: the slide.
        classes: the classes that the predictions have to be for; None for any.
    Raises:
        ZarrZipError: the file is missing or damaged.
        PredictionsError: the file is of another slide or for other classes.
    """
    predictions = read_predictions(predictions_path(folder, slide_id))
    if predictions.slide_id != slide_id:
        raise PredictionsError(slide_id, f"the file is of slide {predictions.slide_id}")
    if classes is not None and predictions.classes != tuple(classes):
        found, expected = ", ".join(predictions.classes), ", ".join(classes)
        raise PredictionsError(slide_id, f"they are for the classes {found}, not for {expected}")
    return predictions


def load_classifier(path: Path | None, aggregation: Aggregation) -> SlideClassifier | None:
    """Read the classifier of slides, if one is given.

    Raises:
        SlideClassifierError: it is missing or damaged.
        ConfigError: slides are to be scored by one, and none is given.
    """
    if path is not None:
        return read_classifier(path)
    if aggregation.method == "heatmap_features":
        raise ConfigError("the aggregation heatmap_features needs a slide classifier. Give --slide-classifier.")
    return None


def single_model(scores: Iterable[SlideScore]) -> str | None:
    """SHA-256 of the model that gave all scores, None where nothing was scored.

    Raises:
        PredictionsError: the slides were scored by more than one model.
    """
    model = None
    for slide in scores:
        if slide.reason:
            continue
        model = model or slide.model_sha256
        if slide.model_sha256 != model:
            raise PredictionsError(slide.slide_id, "another model gave them than those of the slides before")
    return model
