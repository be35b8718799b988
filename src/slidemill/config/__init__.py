"""The config of a run: its values as they are meant, and all that it decides checked before anything runs."""

from slidemill.config.prepare import prepare_config

__all__ = ["prepare_config"]
