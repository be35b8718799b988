"""slidemill: whole-slide pathology images from download to slide-level predictions."""

__version__ = "0.1.0"
