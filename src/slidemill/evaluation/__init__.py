"""From tile scores to slide-level results.

Metrics are own code on NumPy, because a bootstrap needs them for thousands of draws at once; tests compare them with
scikit-learn.
"""
