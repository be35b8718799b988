"""Whole-slide files drawn from a seed, so that the demo cohort runs offline.

The pictures are H&E-like and tell three classes apart by tissue architecture alone; they are a stand-in for a test of
the workflow, never for evidence about tissue. A recipe says what a slide shows, and is read wherever a slide sheet is:
nothing is imported here, so that it comes without what paints.
"""
