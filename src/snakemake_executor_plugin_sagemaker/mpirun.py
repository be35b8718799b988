"""mpirun over the hosts of a job: `python -m snakemake_executor_plugin_sagemaker.mpirun -n 8 program ...`.

Hosts share no files. So the working folder, which holds the workflow's sources and the job's inputs, is first copied to
the other hosts, except for what every host has by a channel. Ranks find the same paths everywhere. What they write
stays on their host, so the first one, which has rank 0, has to write the outputs.

On one host it is mpirun and nothing else, so that one command serves both.
"""

import itertools
import json
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from snakemake_executor_plugin_sagemaker.container.hosts import STATE_VARIABLE
from snakemake_executor_plugin_sagemaker.container.layout import find_layout

# Of each host, or of the shell that starts the ranks.
_OWN = {"PWD", "OLDPWD", "SHLVL", "_", "HOSTNAME", "SNAKEMAKE_SAGEMAKER_VERDICT", STATE_VARIABLE}
# Seconds that ranks have to save their state between SIGTERM and SIGKILL, of the 120 that SageMaker gives.
_GRACE_SECONDS = 100


def main(arguments: Sequence[str]) -> None:
    """Become mpirun."""
    if STATE_VARIABLE not in os.environ:
        os.execvp("mpirun", ["mpirun", *arguments])  # noqa: S606
    folder = Path(os.environ[STATE_VARIABLE])
    hosts = json.loads((folder / "hosts.json").read_text())
    names, ssh = hosts["names"], hosts["ssh"]
    mirror(find_layout().work, names[1:], ssh, hosts["channel_files"])
    (folder / "hostfile").write_text(hostfile(names, count_ranks(arguments)))
    exports = [word for name in exported(hosts["environment"], os.environ) for word in ("-x", name)]
    os.environ.update(mca_parameters(ssh, hosts["interface"]))
    os.execvp("mpirun", ["mpirun", "--hostfile", str(folder / "hostfile"), *exports, *arguments])  # noqa: S606


def mirror(work: Path, others: Sequence[str], ssh: Sequence[str], channel_files: Sequence[str]) -> None:
    """Copy the working folder to the other hosts.

    Raises:
        SystemExit: a host did not take it.
    """
    excluded = [f"--exclude=./{name}" for name in channel_files]
    pack = ["tar", "--create", "--directory", str(work), "--no-wildcards", "--anchored", *excluded, "."]
    unpack = shlex.join(["tar", "--extract", "--directory", str(work)])
    copies = []
    for host in others:
        source = subprocess.Popen(pack, stdout=subprocess.PIPE)
        copies.append((host, source, subprocess.Popen([*ssh, host, unpack], stdin=source.stdout)))
        assert source.stdout is not None  # noqa: S101
        source.stdout.close()
    failed = [host for host, source, target in copies if any([target.wait(), source.wait()])]
    if failed:
        sys.exit(f"The working folder could not be copied to {', '.join(failed)}.")


def hostfile(names: Sequence[str], ranks: int) -> str:
    """The same number of slots on each host, enough for all ranks."""
    slots = math.ceil(ranks / len(names))
    return "".join(f"{name} slots={slots}\n" for name in names)


def count_ranks(arguments: Sequence[str]) -> int:
    """Number after -n or -np.

    Raises:
        SystemExit: there is none.
    """
    for option, value in itertools.pairwise(arguments):
        if option in ("-n", "-np", "--np", "-c") and value.isdigit():
            return int(value)
    sys.exit("How many ranks? Give mpirun the option -n.")


def exported(container: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Variables that ranks on other hosts need too: what the job set itself, beyond the container's environment.

    Args:
        container: `NAME=VALUE` of the container's environment.
    """
    known = set(container)
    return [name for name, value in environment.items() if name not in _OWN and f"{name}={value}" not in known]


def mca_parameters(ssh: Sequence[str], interface: str) -> dict[str, str]:
    """How Open MPI 5 and 4 (PRTE_ and OMPI_) reach other hosts and treat ranks."""
    common = {
        "plm_ssh_no_tree_spawn": "1",  # only the first host's key opens the others
        "odls_base_sigkill_timeout": str(_GRACE_SECONDS),
    }
    ours = {f"{program}_MCA_{name}": value for program in ("PRTE", "OMPI") for name, value in common.items()}
    return {
        **ours,
        "PRTE_MCA_plm_ssh_agent": shlex.join(ssh),
        "OMPI_MCA_plm_rsh_agent": shlex.join(ssh),
        "PRTE_MCA_prte_if_include": interface,
        "OMPI_MCA_oob_tcp_if_include": interface,
        "OMPI_MCA_btl_tcp_if_include": interface,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
