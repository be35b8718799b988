"""From what YAML and the command line give to a config that can run, or to all of its mistakes at once."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slidemill.config.combinations import combination_problems
from slidemill.config.files import repeated_keys
from slidemill.config.names import name_problems, normalise_names
from slidemill.config.places import expand_places, place_problems
from slidemill.config.values import cut_texts, odd_numbers, settle_values
from slidemill.errors import ConfigError
from slidemill.schema import read_schema, schema_problems, validator_of


def prepare_config(
    config: dict[str, Any],
    *,
    given: Mapping[str, Any],
    arguments: Sequence[str] = (),
    files: Iterable[Path],
    schema_file: Path,
) -> None:
    """Bring a config into the form in which it is used, in place, and check it against its schema and against itself.

    Text that `--config` gave, and numbers that YAML takes for text (1e-3), get the type that their key has; names of
    classes get one Unicode spelling, and `~` in paths becomes the home folder. Nothing else is changed.

    Args:
        config: of all files and the command line together.
        given: what `--config` gave; below its first level Snakemake hands numbers over as text.
        arguments: of the command line, which may have more of a text than `given`.
        files: the config files.
        schema_file: JSON schema of the config. Its `format` says which values are places: a `path` on a disk, a
            `location` on a disk or in S3, a `path-or-url`.

    Raises:
        ConfigError: with a line for each mistake.
    """
    schema = read_schema(schema_file)
    problems = [problem for file in files for problem in repeated_keys(file)]
    problems += [f"config: {problem}" for problem in cut_texts(given, arguments)]
    settle_values(config, given, schema)
    problems += [f"config: {problem}" for problem in schema_problems(config, validator_of(schema))]
    problems += [f"config: {problem}" for problem in odd_numbers(config)]
    if not problems:
        normalise_names(config)
        problems = [f"config: {problem}" for problem in _problems_of_meaning(config, schema)]
    if problems:
        raise ConfigError("\n".join(problems))


def _problems_of_meaning(config: dict[str, Any], schema: Mapping[str, Any]) -> Iterable[str]:
    yield from expand_places(config, schema)
    yield from place_problems(config, schema)
    yield from name_problems(config)
    yield from combination_problems(config)
