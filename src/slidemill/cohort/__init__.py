"""Cohorts: the slide sheet, and what TCGA barcodes tell."""

from slidemill.cohort.sheet import SheetError, Slide, read_sheet

__all__ = ["SheetError", "Slide", "read_sheet"]
