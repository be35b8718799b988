"""Slide AUC by each way to aggregate, on drawn heatmaps with small lesions: what docs/camelyon16.md states.

Heatmaps have 24 x 30 tiles, a fifth of them background. Tiles score low, but for one in a hundred that is wrong at
random. Half of the slides have a lesion, a square of 2 to 4 tiles a side.

    .venv/bin/python benchmarks/slide_scores.py [--seeds 10] [--learned 30] [--tested 100]
"""

import tempfile
from pathlib import Path

import click
import numpy as np
from sklearn.metrics import roc_auc_score

from slidemill.evaluation.aggregate import METHODS, score_slide
from slidemill.evaluation.fit_slides import fit_slides
from slidemill.inference.store import Predictions, predictions_path, write_predictions
from slidemill.splits.table import SplitRow, write_splits
from slidemill.units import SlidePixels

CLASSES = ("normal", "tumour")
EXTENT = 299


@click.command(help=__doc__)
@click.option("--seeds", type=int, default=10, show_default=True)
@click.option("--learned", type=int, default=30, show_default=True, help="Slides that the classifier learns from.")
@click.option("--tested", type=int, default=100, show_default=True)
def main(seeds: int, learned: int, tested: int) -> None:
    found = np.array([aucs(seed, learned, tested) for seed in range(seeds)])
    print("method\tmean\tlowest\thighest")
    for method, own in zip(METHODS, found.T, strict=True):
        print(f"{method}\t{own.mean():.3f}\t{own.min():.3f}\t{own.max():.3f}")


def aucs(seed: int, learned: int, tested: int) -> list[float]:
    """Slide AUC by each method, with slides drawn from a seed."""
    random = np.random.default_rng(seed)
    drawn = [drawn_slide(random, f"s{number:03}", has_lesion=number % 2 == 1) for number in range(learned + tested)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = []
        for number, slide in enumerate(drawn[:learned]):
            write_predictions(predictions_path(folder, slide.slide_id), slide)
            label, count = CLASSES[number % 2], len(slide.scores)
            rows.append(SplitRow(slide.slide_id, slide.patient_id, label, "", "validation", count, "usable", ""))
        write_splits(folder / "splits.tsv", rows)
        classifier = fit_slides(
            folder / "splits.tsv", folder, folder / "classifier.json", classes=CLASSES, measured=["tumour"]
        )
    scores = [score_slide(slide, classifier=classifier).scores for slide in drawn[learned:]]
    truth = [number % 2 == 1 for number in range(learned, learned + tested)]
    return [roc_auc_score(truth, [own[method]["tumour"] for own in scores]) for method in METHODS]


def drawn_slide(random: np.random.Generator, name: str, *, has_lesion: bool) -> Predictions:
    """A slide with a noisy heatmap."""
    heatmap = random.beta(1, 12, (24, 30))
    wrong = random.random(heatmap.shape) < 0.01
    heatmap[wrong] = random.uniform(0.6, 1, wrong.sum())
    is_tissue = random.random(heatmap.shape) >= 0.2
    if has_lesion:
        side, top, left = random.integers(2, 5), random.integers(0, 20), random.integers(0, 26)
        heatmap[top : top + side, left : left + side] = random.uniform(0.6, 1, (side, side))
        is_tissue[top : top + side, left : left + side] = True
    rows, columns = np.nonzero(is_tissue)
    scores = heatmap[rows, columns].astype(np.float32)
    return Predictions(
        slide_id=name,
        patient_id=name,
        classes=CLASSES,
        coordinates=np.stack([columns, rows], axis=1).astype(np.int64) * EXTENT,
        scores=np.stack([1 - scores, scores], axis=1),
        tile_extent=SlidePixels(EXTENT),
        reason="",
        model_sha256="drawn",
    )


if __name__ == "__main__":
    main()
