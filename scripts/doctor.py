"""Tell what a training would find here: versions, MPI, NCCL, GPUs, and how fast the ranks exchange.

Alone, or started once for each rank as a training is:

    srun --nodes=2 --ntasks-per-node=4 --mpi=pmix .venv/bin/python scripts/doctor.py --expect-ranks 8
"""

import click

from slidemill.command import run


@click.command(help=__doc__)
@click.option("--expect-ranks", type=click.IntRange(min=1), help="Number of ranks that the launcher was asked for.")
def main(expect_ranks: int | None) -> None:
    # TensorFlow takes seconds to import: only once the arguments are right.
    from slidemill.training.doctor import examine

    for line in examine(expect_ranks):
        click.echo(line)


if __name__ == "__main__":
    run(main)
