"""What a slide's heatmap looks like, in numbers: how much of the tissue scores high, in how many regions of what form.

For each class, its mean and highest score; and at each of two thresholds the share of the tissue that scores so high,
the number of connected regions (tiles touch at sides and corners), and of the largest one its area, its longest axis,
how much of the box around it it fills, and its mean score. Areas and lengths are in tiles and their sides, and they and
the number of regions as log(1 + x), since they range over orders of magnitude.

Source: the features that Wang et al. 2016 (arXiv:1606.05718) found to tell slides with metastases from others.
"""

from collections.abc import Sequence

import numpy as np

from slidemill.inference.store import Predictions

THRESHOLDS = (0.5, 0.9)
_WHOLE = ("mean", "maximum")
_AT_A_THRESHOLD = ("share", "regions", "largest_area", "largest_axis", "largest_extent", "largest_mean")
_TOUCHING = np.ones((3, 3), np.int64)  # also at corners
_TILE_VARIANCE = 1 / 12  # along each side of a tile, of its points around its middle


def feature_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Names of the features of classes, in order, such as "tumour: largest_area at 0.9"."""
    of_class = [*_WHOLE, *(f"{name} at {threshold:g}" for threshold in THRESHOLDS for name in _AT_A_THRESHOLD)]
    return tuple(f"{name}: {feature}" for name in classes for feature in of_class)


def heatmap_features(predictions: Predictions, classes: Sequence[str]) -> np.ndarray:
    """The features of a scored slide, which do not depend on the order of its tiles.

    Args:
        predictions: of at least one tile.
        classes: whose regions are measured, some of the slide's.

    Returns:
        (features,) float64, as `feature_names` names them.
    """
    places = predictions.coordinates - predictions.coordinates.min(axis=0)
    columns, rows = np.rint(places / predictions.tile_extent).astype(np.int64).T
    values = []
    for name in classes:
        scores = predictions.scores[:, predictions.classes.index(name)].astype(np.float64)
        heatmap = np.full((rows.max() + 1, columns.max() + 1), -1.0)
        np.maximum.at(heatmap, (rows, columns), scores)
        tissue = heatmap >= 0
        # From all tiles in the order of their places, so that the sum is the same for every order of the slide's tiles.
        values += [heatmap[tissue].mean(), heatmap.max()]
        for threshold in THRESHOLDS:
            high = heatmap >= threshold
            values += [high.sum() / tissue.sum(), *_regions(heatmap, high)]
    return np.array(values)


def _regions(heatmap: np.ndarray, high: np.ndarray) -> tuple[float, ...]:
    """Number of regions, and of the largest one area, longest axis, extent and mean score."""
    from scipy import ndimage  # here: half of what the job that pictures a slide would import, and it needs no region

    labels, count = ndimage.label(high, _TOUCHING)
    if not count:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    places = np.argwhere(largest)
    covariance = np.cov(places.T, bias=True) + _TILE_VARIANCE * np.eye(2)
    axis = 4 * np.sqrt(np.linalg.eigvalsh(covariance)[1])  # of the ellipse with the same second moments
    box = np.prod(np.ptp(places, axis=0) + 1)
    return (
        float(np.log1p(count)),
        float(np.log1p(len(places))),
        float(np.log1p(axis)),
        len(places) / float(box),
        float(heatmap[largest].mean()),
    )
