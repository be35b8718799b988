"""From tile scores to slide-level results.

Only `metrics` (and so `evaluate`) imports scikit-learn, which takes seconds; reading tables and
aggregating start without it.
"""
