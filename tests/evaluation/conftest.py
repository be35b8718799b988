from collections.abc import Callable

import numpy as np
import pytest

from slidemill.inference.store import Predictions
from slidemill.units import SlidePixels

CLASSES = ("LUAD", "LUSC", "Normal")


@pytest.fixture
def predictions_of() -> Callable[..., Predictions]:
    """Makes the predictions of a slide from the scores of its tiles."""

    def make(scores, *, slide_id="s1", patient_id="p1", reason="", model="m", classes=CLASSES) -> Predictions:
        array = np.asarray(scores, np.float32).reshape(-1, len(classes))
        return Predictions(
            slide_id=slide_id,
            patient_id=patient_id,
            classes=tuple(classes),
            coordinates=np.zeros((len(array), 2), np.int64),
            scores=array,
            tile_extent=SlidePixels(0 if reason else 512),
            reason=reason,
            model_sha256=model,
        )

    return make
