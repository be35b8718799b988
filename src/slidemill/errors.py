"""The base of every error that slidemill expects.

A `SlidemillError` says in one line what happened, to which slide, key or file, and what to do. Commands print that
line and exit with its code, mostly 1 (`slidemill.command`); any other exception is a bug and keeps its traceback.
"""


class SlidemillError(Exception):
    """Bad input or a bad environment, told in one line; never a bug of slidemill itself.

    Attributes:
        exit_code: with which commands end.
    """

    exit_code = 1


class ConfigError(SlidemillError):
    """A value in the config, or a combination of values, that cannot work."""
