"""The tables of docs/features.md, made from the encoders that are known: --write puts them there."""

import re
from pathlib import Path

import click

from slidemill.features.spec import EncoderSpec, known_encoders

PAGE = Path(__file__).parents[1] / "docs" / "features.md"


def table() -> str:
    """The encoders but those of keras.applications."""
    head = (
        "| name | kind, weights | tiles: pixels, microns per pixel | input: pixels | numbers | pooling | licence |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(_row(spec) for spec in known_encoders().values() if spec.kind != "keras")


def of_keras() -> str:
    """The networks of keras.applications: name, side of the input, numbers."""
    keras = [spec for spec in known_encoders().values() if spec.kind == "keras"]
    rows = [f"| {spec.name} | {spec.input_size} | {spec.dimension} |" for spec in keras]
    return "| name | input: pixels | numbers |\n|---|---|---|\n" + "\n".join(rows)


def page_with_tables(page: str) -> str:
    """The page with its tables as they should be."""
    for start, content in (("| name | kind", table()), ("| name | input", of_keras())):
        (found,) = re.findall(rf"^{re.escape(start)}.*?(?=\n\n)", page, flags=re.MULTILINE | re.DOTALL)
        page = page.replace(found, content)
    return page


def _row(spec: EncoderSpec) -> str:
    tiles = f"{spec.tile_size}, {spec.mpp:g}" if spec.tile_size and spec.mpp else "any"
    weights = "in a package" if spec.kind == "onnx" else "file" if spec.architecture else "TorchScript"
    terms = [
        spec.licence,
        *(["gated"] if spec.access == "gated" else []),
        *([] if spec.commercial else ["not commercial"]),
    ]
    fit = f"{spec.input_size}{', cropped' if spec.fit == 'crop' else ''}"
    name = f"[{spec.name}]({spec.page})"
    cells = (name, f"{spec.kind}, {weights}", tiles, fit, spec.dimension, spec.pooling, ", ".join(terms))
    return f"| {' | '.join(map(str, cells))} |"


@click.command(help=__doc__)
@click.option("--write", is_flag=True)
def main(write: bool) -> None:
    """Print the page, or write it."""
    page = page_with_tables(PAGE.read_text(encoding="utf-8"))
    if write:
        PAGE.write_text(page, encoding="utf-8")
    else:
        click.echo(page)


if __name__ == "__main__":
    main()
