"""Draw a synthetic slide: a real Aperio SVS file of H&E-like tissue."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.slides.synthetic.recipe import Recipe
from slidemill.slides.synthetic.slide import synthesize_slide


@click.command(help=__doc__)
@click.option("--slide-id", required=True)
@click.option("--recipe", required=True, help="What to draw, such as 'glands 40x 2.0x1.8mm pen'.")
@click.option("--seed", type=int, required=True)
@click.option("--output", type=Path, required=True, help="The SVS file to write.")
def main(slide_id: str, recipe: str, seed: int, output: Path) -> None:
    synthesize_slide(output, recipe=Recipe.parse(recipe), slide_id=slide_id, seed=seed)


if __name__ == "__main__":
    run(main)
