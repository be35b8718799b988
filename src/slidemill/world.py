"""The ranks of an MPI program: whether those who should work together have found each other."""

from slidemill.errors import SlidemillError


class WorldSizeError(SlidemillError):
    """A number of connected ranks other than the expected one."""

    def __init__(self, connected: int, expected: int) -> None:
        super().__init__(connected, expected)
        self.connected = connected
        self.expected = expected

    def __str__(self) -> str:
        return (
            f"{self.connected} rank(s) are connected, {self.expected} were expected. The launcher did not connect "
            "them: use the environment's own mpirun, or 'srun --mpi=pmix' under SLURM (with --mpi=none or pmi2 each "
            "rank runs alone)."
        )


def check_world_size(connected: int, expected: int) -> None:
    """Refuse to go on when the world has another size than expected; called before any work by every MPI program.

    Raises:
        WorldSizeError: the sizes differ.
    """
    if connected != expected:
        raise WorldSizeError(connected, expected)
