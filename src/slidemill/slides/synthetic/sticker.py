"""The paper label of a slide and the photograph of the whole slide: what may identify a patient on real ones."""

import numpy as np

from slidemill.slides.synthetic.aperio import Pixels

STICKER_COLOUR = (250, 214, 60)  # on no tissue, glass or ink: a test can find it wherever it leaks to
_INK_COLOUR = (20, 20, 60)
_LABEL_SHAPE = (420, 400)
_MACRO_SHAPE = (430, 1280)


def draw_label(rng: np.random.Generator) -> Pixels:
    """(420, 400, 3) pixels: a white sticker with a yellow field that holds bars like lines of writing."""
    label = np.full((*_LABEL_SHAPE, 3), 252, np.uint8)
    label[20:-20, 20:-20] = STICKER_COLOUR
    for top in range(50, 340, 45):
        left = 40
        while left < 320:
            word = int(rng.integers(12, 60))
            label[top : top + 22, left : min(left + word, 360)] = _INK_COLOUR
            left += word + int(rng.integers(8, 20))
    return label


def draw_macro(thumbnail: Pixels, label: Pixels) -> Pixels:
    """(430, 1280, 3) pixels: the label at the left, the scanned area in the middle of the glass."""
    macro = np.full((*_MACRO_SHAPE, 3), 228, np.uint8)
    macro[5 : 5 + label.shape[0], 5 : 5 + label.shape[1]] = label
    step = max(1, -(-thumbnail.shape[0] // 300), -(-thumbnail.shape[1] // 700))
    scan = thumbnail[::step, ::step]
    top, left = (_MACRO_SHAPE[0] - scan.shape[0]) // 2, 840 - scan.shape[1] // 2
    macro[top : top + scan.shape[0], left : left + scan.shape[1]] = scan
    return macro
