"""Cohorts: the slide sheet, and what TCGA barcodes tell."""

from slidemill.cohort.sheet import SheetError, Slide, is_address, read_sheet

__all__ = ["SheetError", "Slide", "is_address", "read_sheet"]
