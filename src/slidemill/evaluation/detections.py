"""Detections: the peaks of a slide's tile scores, each standing for what surrounds it."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree


@dataclass(frozen=True, slots=True)
class Detections:
    """The detections of a slide, from the highest score on.

    Attributes:
        places: (detections, 2) float64, x and y of the centre of the tile, level-0 pixels.
        scores: (detections,) float32.
    """

    places: np.ndarray
    scores: np.ndarray


def detect(coordinates: np.ndarray, scores: np.ndarray, *, extent: int, radius: float, least: float) -> Detections:
    """Non-maximum suppression: the tile with the highest score is a detection and takes all tiles around it away;
    again, until no score is left that is `least`. Of equal scores the first tile counts.

    Args:
        coordinates: (tiles, 2), level-0 pixels, top left corners.
        scores: (tiles,), of the class that is looked for.
        extent: side of a tile, level-0 pixels.
        radius: level-0 pixels; tiles whose centre is no farther are taken away.
        least: lowest score of a detection.
    Source: as in Li and Ping 2018 (NCRF), arXiv:1806.07064, with the radius as a length.
    """
    centres = np.asarray(coordinates, np.float64) + extent / 2
    candidates = np.flatnonzero(scores >= least)
    order = candidates[np.argsort(-scores[candidates], kind="stable")]
    left = np.zeros(len(scores), np.bool_)
    left[order] = True
    tree = KDTree(centres[order]) if len(order) else None
    kept = []
    for number in order:
        if left[number] and tree is not None:
            kept.append(number)
            left[order[tree.query_ball_point(centres[number], radius)]] = False
    return Detections(centres[kept], np.asarray(scores[kept]))
