"""Cohorts: the slide sheet, and what TCGA barcodes tell."""

from slidemill.cohort.sheet import Slide, read_sheet
from slidemill.cohort.table import SheetError

__all__ = ["SheetError", "Slide", "read_sheet"]
