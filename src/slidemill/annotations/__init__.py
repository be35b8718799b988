"""Regions that pathologists drew: read from the files of the tools they use, and measured against tiles."""
