"""Write the outlines of a synthetic slide's lesions, as ASAP writes annotations."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.slides.synthetic.lesions import write_lesions
from slidemill.slides.synthetic.recipe import Recipe


@click.command(help=__doc__)
@click.option("--slide-id", required=True)
@click.option("--recipe", required=True, help="What was drawn, such as 'alveoli+nests 20x 2.0x1.8mm'.")
@click.option("--seed", type=int, required=True)
@click.option("--output", type=Path, required=True, help="The XML file to write.")
def main(slide_id: str, recipe: str, seed: int, output: Path) -> None:
    write_lesions(output, recipe=Recipe.parse(recipe), slide_id=slide_id, seed=seed)


if __name__ == "__main__":
    run(main)
