"""What a config file says twice, of which YAML would keep the last."""

from collections.abc import Iterator
from pathlib import Path

import yaml


def repeated_keys(file: Path) -> Iterator[str]:
    """A sentence for each key that a YAML file has twice in one section."""
    try:
        with file.open(encoding="utf-8") as text:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return  # Snakemake has read it, so it is of another kind, such as JSON with tabs
    yield from (f"{file}, line {line}: {problem}" for line, problem in _repeated(root, ""))


def _repeated(node: yaml.Node | None, place: str) -> Iterator[tuple[int, str]]:
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name = f"{place}{key.value}"
        line = key.start_mark.line + 1
        if name in lines:
            yield line, f"{name} stands on line {lines[name]} already. Keep one of them."
        lines.setdefault(name, line)
        yield from _repeated(value, f"{name}.")
