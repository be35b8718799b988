"""How much smaller the images of a pyramid are, and which of them serves for a resolution.

Scanners round the sides of their levels, or cut them to what their tiles need: a level that is "4 times smaller" has
4.0006 level-0 pixels for each of its own. What is read lies where it should all the same: places on a level follow from
its own factor along each side, and only the choice of the level is generous.
"""

from collections.abc import Sequence

_TOLERANCE = 0.01  # a level may be coarser than asked for by so much; pixels of tiles are then enlarged by as little


def axis_downsamples(base: tuple[int, int], level: tuple[int, int]) -> tuple[float, float]:
    """Level-0 pixels for each pixel of a level, along x and y.

    Where both sides are those of level 0 divided by one whole number, rounded up or down, it is that number: pixels
    that would stand for less than a whole pixel were left out, or filled up. Otherwise the level shows all of level 0.

    Args:
        base: width and height of level 0.
        level: width and height of the level.
    """
    across, down = base[0] / level[0], base[1] / level[1]
    whole = round(max(across, down))
    if whole >= 1 and all(abs(side * whole - full) < whole for side, full in zip(level, base, strict=True)):
        return float(whole), float(whole)
    return across, down


def level_for(downsamples: Sequence[float], asked: float) -> int:
    """Number of the level with fewest pixels that is no coarser than asked for, or by 1% at most; else of the finest.

    Args:
        downsamples: level-0 pixels along the side of a pixel, of each level.
        asked: the same for what is wanted.
    """
    fit = [number for number, downsample in enumerate(downsamples) if downsample <= serving_limit(asked)]
    number = max(fit, key=downsamples.__getitem__, default=None)
    return min(range(len(downsamples)), key=downsamples.__getitem__) if number is None else number


def serving_limit(asked: float) -> float:
    """The greatest downsample that serves where `asked` is wanted."""
    return asked * (1 + _TOLERANCE)
