"""Which of the train tiles are used: so many of each class of a slide, and first those that a model got wrong."""

from slidemill.sampling.draw import Sampling, draw_tiles, sampled_labels
from slidemill.sampling.hard_tiles import HardTiles, HardTilesError, read_hard_tiles

__all__ = ["HardTiles", "HardTilesError", "Sampling", "draw_tiles", "read_hard_tiles", "sampled_labels"]
