"""The names of classes in a config."""

from collections.abc import Iterator, Mapping
from typing import Any

from slidemill.names import normalised, reading, text_problem


def normalise_names(config: dict[str, Any]) -> None:
    """Give the names of classes one Unicode spelling, in place, as the labels of a sheet get it."""
    config["classes"] = [normalised(name) for name in config["classes"]]
    labels = config["labels"]
    labels["classes"] = {normalised(name): regions for name, regions in labels["classes"].items()}
    sampling = config["sampling"]
    sampling["tiles_per_slide"] = {normalised(name): most for name, most in sampling["tiles_per_slide"].items()}
    if isinstance(labels["patches"], dict):
        labels["patches"] = {normalised(name): file for name, file in labels["patches"].items()}
    if config["evaluation"]["heatmap_classes"]:
        config["evaluation"]["heatmap_classes"] = [normalised(name) for name in config["evaluation"]["heatmap_classes"]]
    if config["localisation"]["class"]:
        config["localisation"]["class"] = normalised(config["localisation"]["class"])
    labels["rest"] = normalised(labels["rest"]) if labels["rest"] else None
    if config["select"]:
        projects = config["select"]["projects"]
        config["select"]["projects"] = {project: normalised(name) for project, name in projects.items()}


def name_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each name that cannot be a class's, and for two that look the same."""
    first: dict[str, str] = {}
    for name in config["classes"]:
        if (problem := text_problem(name)) is not None:
            yield f"classes: '{name}' {problem}."
        elif name != name.strip():
            yield f"classes: '{name}' has blanks around it. Take them off."
        other = first.setdefault(reading(name), name)
        if other != name or config["classes"].count(name) > 1:
            yield f"classes: '{other}' and '{name}' differ only in case or spelling. Tell them apart by more."
    for project, name in (config["select"] or {"projects": {}})["projects"].items():
        if (problem := text_problem(name)) is not None:
            yield f"select.projects.{project}: '{name}' {problem}."
