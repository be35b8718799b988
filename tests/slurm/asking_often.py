"""`snakemake`, which asks for its jobs each second.

SLURM's executor lets ten seconds more pass each time that it finds no job at its end, and no option of its own says
otherwise: in a run of short jobs that is most of the time.
"""

import asyncio
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def _wait_a_second(executor: RemoteExecutor) -> None:
    await asyncio.sleep(1)


assert hasattr(RemoteExecutor, "sleep"), "the wait between two checks has another name now"
RemoteExecutor.sleep = _wait_a_second

if __name__ == "__main__":
    sys.exit(main())
