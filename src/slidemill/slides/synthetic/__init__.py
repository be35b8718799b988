"""Whole-slide files drawn from a seed, so that the demo cohort runs offline.

The pictures are H&E-like and tell three classes apart by tissue architecture alone; they are a stand-in for a test of
the workflow, never for evidence about tissue.
"""

from slidemill.slides.synthetic.lesions import write_lesions
from slidemill.slides.synthetic.recipe import Recipe, RecipeError
from slidemill.slides.synthetic.slide import synthesize_slide

__all__ = ["Recipe", "RecipeError", "synthesize_slide", "write_lesions"]
