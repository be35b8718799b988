"""What every script shares: logging, and errors as one line."""

import logging
import os
import sys
import traceback
from collections.abc import Callable

from slidemill.errors import SlidemillError


def run(main: Callable[[], None]) -> None:
    """Run a script's click command.

    A `SlidemillError` is printed as one line and ends the process with its exit code, mostly 1; click ends it with 2
    for wrong arguments; anything else is a bug, is printed with its traceback and ends the process with 1 as well.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        main()
    except SlidemillError as error:
        print(f"error: {error}", file=sys.stderr)
        _end_all_ranks(error.exit_code)
    except Exception:
        traceback.print_exc()
        _end_all_ranks(1)


def _end_all_ranks(exit_code: int) -> None:
    # A rank that left in the orderly way would wait in MPI_Finalize for the others, who wait for it; a process that
    # exits with an error before that makes mpirun and srun end them all.
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(exit_code)
