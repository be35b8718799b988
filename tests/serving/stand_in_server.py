"""A service whose model needs no TensorFlow and does no more than average pixels: `stand_in_server.py TOKEN LIMITS`.

TOKEN may be empty; LIMITS is JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np

from slidemill.evaluation.aggregate import Aggregation
from slidemill.serving.application import build_application
from slidemill.serving.metrics import Metrics
from slidemill.serving.options import ServingOptions
from slidemill.serving.served_model import Scored
from slidemill.serving.service import Service
from slidemill.serving.slide_places import SlideFolder
from slidemill.serving.slides import SlideScorer
from slidemill.serving.tile_images import stored_pixels
from slidemill.training.description import ModelDescription
from slidemill.web.server import bind, serve, url_of
from slidemill.web.settings import Access, Limits

SIDE = 64


class MeanModel:
    description = ModelDescription("mean", ("R", "G", "B"), SIDE, 0.5, SIDE, "resize", "ab", {})
    sha256 = "cd"
    largest_batch = 8
    takes_stored_tiles = True
    scores_rows_together = False

    def pixels(self, image):
        return stored_pixels(image, SIDE)

    def rows(self, images):
        means = images.mean(axis=(1, 2), dtype=np.float64) + 1
        return (means / means.sum(axis=1, keepdims=True)).astype(np.float32)

    def scored(self, rows):
        return Scored(rows)


def main(token, limits):
    access = Access(port=0, token=token or None, limits=Limits(**json.loads(limits)))
    own = bind(access)
    model, metrics = MeanModel(), Metrics()
    service = Service(
        model,
        access.limits,
        slides=SlideScorer(model, ServingOptions(), threads=1),
        places=SlideFolder(Path(__file__).parent),
        threads=1,
        observe=metrics.count_batch,
    )
    app = build_application(service, access, Aggregation(), metrics)
    serve(app, own, access, ready=lambda: print(f"serving at {url_of(own)}", flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
