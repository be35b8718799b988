"""The default config with changes, as a file or the command line gives them, prepared for the workflow."""

from pathlib import Path

import pytest
import yaml

from slidemill.config import prepare_config
from slidemill.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]
SCHEMA = REPOSITORY / "schemas" / "config.schema.yaml"
DEFAULT = REPOSITORY / "config.yaml"
TCGA = REPOSITORY / "cohorts" / "tcga_lung.yaml"
MISSING = object()


def changed(**changes):
    """The default config with other values: {"tiling__mpp": 1.0}."""
    config = yaml.safe_load(DEFAULT.read_text())
    for path, value in changes.items():
        *parents, key = path.split("__")
        section = config
        for parent in parents:
            section = section[parent]
        if value is MISSING:
            del section[key]
        else:
            section[key] = value
    return config


def prepared(given=None, **changes):
    config = changed(**changes)
    prepare_config(config, given=given or {}, files=[], schema_file=SCHEMA)
    return config


def problems(given=None, **changes):
    with pytest.raises(ConfigError) as caught:
        prepared(given, **changes)
    return str(caught.value).splitlines()


def given(**values):
    """The default config and what `--config` gave, as Snakemake merges them."""
    config = changed()
    for key, value in values.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) and config[key] else value
    prepare_config(config, given=values, files=[], schema_file=SCHEMA)
    return config
