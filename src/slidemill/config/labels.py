"""How tiles get their labels from annotations: whether each class can have a tile, and no region is two things."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def label_problems(labels: Mapping[str, Any], classes: Sequence[str]) -> Iterator[str]:
    """A sentence for each thing that makes labels from annotations impossible."""
    named, rest = labels["classes"], labels["rest"]
    for name in [*named, *([rest] if rest else [])]:
        if name not in classes:
            yield f"labels: '{name}' is none of the classes ({', '.join(classes)}). Correct it."
    for name in classes if labels["from"] == "annotations" else ():
        if name not in named and name != rest:
            yield f"labels: no tile can be '{name}'. Add its regions to labels.classes, or make it labels.rest."
    if rest in named:
        yield f"labels: '{rest}' is labels.rest and has regions as well. Take it out of one of them."
    for region, places in _uses(labels).items():
        if len(places) > 1:
            yield f"labels: the regions '{region}' are in {' and '.join(places)}. Keep one."


def patch_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each thing that makes learning from listed patches impossible."""
    labels, classes = config["labels"], config["classes"]
    patches = labels["patches"]
    if labels["from"] == "patches" and patches is None:
        yield "labels.from is patches: name the table of patches, or a list for each class, in labels.patches."
    if labels["from"] != "patches" and patches is not None:
        yield (
            "labels.patches is set, and only labels.from: patches uses it. Set labels.from to patches, or "
            "labels.patches to null."
        )
    for name in patches if isinstance(patches, Mapping) else ():
        if name not in classes:
            yield f"labels.patches: '{name}' is none of the classes ({', '.join(classes)}). Correct it."
    if labels["from"] != "patches":
        return
    if config["features"]["from"] is not None:
        yield "features.from is set, and has no features of patches. Set it to null, or choose another labels.from."
    if config["sampling"]["hard_negatives"] is not None:
        yield (
            "sampling.hard_negatives are tiles, and labels.from: patches learns from patches alone. Add them to the "
            "lists of labels.patches, and set sampling.hard_negatives to null."
        )


def localisation_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Lesions can be looked for where they are annotated."""
    name = config["localisation"]["class"]
    if name is not None and name not in config["labels"]["classes"]:
        yield (f"localisation.class is '{name}', which is no annotated class. Name one of labels.classes, or null.")


def sampling_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """What is to be drawn first needs something to be drawn."""
    sampling = config["sampling"]
    for name in sampling["tiles_per_slide"]:
        if name not in config["classes"]:
            known = ", ".join(config["classes"])
            yield f"sampling.tiles_per_slide: '{name}' is none of the classes ({known}). Correct it."
    is_asked = bool(sampling["tiles_per_slide"]) or sampling["hard_negatives"] is not None
    if is_asked and config["method"] not in ("tiles", "probe"):
        yield f"sampling is set, and method: {config['method']} learns from slides. Leave it out."
        return
    draws = bool(sampling["tiles_per_slide"]) or (config["method"] == "tiles" and config["shards"]["balance"] != "none")
    if sampling["hard_negatives"] and not draws:
        yield (
            "sampling.hard_negatives is set, and all tiles are used anyway. Set sampling.tiles_per_slide, so that some "
            "are drawn."
        )


def _uses(labels: Mapping[str, Any]) -> dict[str, list[str]]:
    """In which lists each name of regions stands."""
    uses: dict[str, list[str]] = {}
    lists = [(f"labels.classes.{name}", regions) for name, regions in labels["classes"].items()]
    for place, regions in [*lists, ("labels.without", labels["without"]), ("labels.ignore", labels["ignore"])]:
        for region in regions:
            uses.setdefault(region, []).append(place)
    return uses
