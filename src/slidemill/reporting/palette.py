"""A colour for each class, the same in every picture.

Source: Okabe and Ito 2008, Color Universal Design: told apart by colour-blind readers too. The order is ours; black is
left out, because it cannot be seen on a dark page.
"""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#8a8a8a")


def class_colour(place: int) -> str:
    """Colour of the class at this place in the order of classes, as "#rrggbb"; repeats after eight."""
    return _COLOURS[place % len(_COLOURS)]


def class_rgb(place: int) -> tuple[int, int, int]:
    """The same colour as red, green and blue, 0 to 255."""
    red, green, blue = bytes.fromhex(class_colour(place).removeprefix("#"))
    return red, green, blue
