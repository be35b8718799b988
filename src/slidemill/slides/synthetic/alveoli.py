"""Thin septa around air spaces, as in lung; the spaces hold fluid, so that they count as tissue."""

import numpy as np

from slidemill.slides.synthetic.fields import ramp, scatter, smooth_noise, two_nearest
from slidemill.slides.synthetic.nuclei import Nuclei
from slidemill.slides.synthetic.tissue import Layers, draw_fillings

_SPACE_UM = 92.0  # from one air space to the next


def draw_alveoli(rng: np.random.Generator, shape: tuple[int, int]) -> Layers:
    """Fill a canvas with air spaces, small nuclei along their walls and a few macrophages inside."""
    spaces = scatter(rng, np.ones(shape, np.float32), _SPACE_UM)
    first, second, owner = two_nearest(spaces, shape, 110, rng.uniform(0, 22, len(spaces)))
    depth = (second - first) / 2 + 2.5 * smooth_noise(rng, shape, 24)  # microns from the middle of the septum
    thickness = 4.8 + 1.3 * smooth_noise(rng, shape, 120)
    septum = ramp(depth - thickness, 1, -1)
    fluid = 1 + 0.2 * smooth_noise(rng, shape, 30) + 0.1 * smooth_noise(rng, shape, 8)
    eosin, haematoxylin = draw_fillings(rng, shape, spaces)[:, owner] * fluid
    eosin += (0.46 + 0.07 * smooth_noise(rng, shape, 6) - eosin) * septum
    haematoxylin += (0.14 + 0.02 * smooth_noise(rng, shape, 16) - haematoxylin) * septum
    wall = scatter(rng, septum, 7.7)
    floating = scatter(rng, 0.2 * (1 - septum), 15.0)
    nuclei = [
        Nuclei.of_kind("small", wall, rng.uniform(0, np.pi, len(wall))),
        Nuclei.of_kind("vesicular", floating, rng.uniform(0, np.pi, len(floating))),
    ]
    return Layers(haematoxylin, eosin, Nuclei.joined(nuclei))
