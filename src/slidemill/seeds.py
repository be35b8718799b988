"""Random generators that depend on a seed and a purpose, and on nothing else.

Each draw gets its own generator, so that a slide gives the same tiles alone, in any order and on any number of workers.
"""

import hashlib

import numpy as np


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return the random generator of one purpose.

    Args:
        seed: the config's seed.
        purpose: what the draw is for, from general to particular, such as ("synthesize", slide_id).
    """
    return np.random.default_rng(number(seed, *purpose))


def number(seed: int, *purpose: str | int) -> int:
    """Return the 63-bit seed of one purpose, for libraries that take an integer."""
    # The length in front keeps ("ab", "c") and ("a", "bc") apart.
    text = "".join(f"{len(str(part))}:{part}" for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
