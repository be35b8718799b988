"""A run in a browser: its slides, what models say of them, and what readers note, served to a page.

Nothing is imported here, so that settings are read without a web framework.
"""
