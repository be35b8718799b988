"""A real SLURM of two nodes on this one machine: controller, daemons and authentication, but no accounting.

The nodes claim GPUs, which are device files that nothing opens: SLURM hands them out as it does real ones.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..free_ports import free_ports
from ..waiting import eventually, is_running, wait_for_end

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun")
CONFIGURED = Path("/etc/slurm")
NODES = ("node1", "node2")
GPUS_PER_NODE = 2
MESSAGE_TIMEOUT = "MessageTimeout=60"  # seconds; all times are for what hangs: a machine may stand still for a while

NO_ANSWER = ("Unable to contact slurm controller", "Socket timed out", "Transport endpoint is not connected")

SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
TmpFS={folder}/tmp/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,bf_interval=2
PriorityType=priority/basic
ReturnToService=2
SlurmdTimeout=600
SlurmctldTimeout=600
{message_timeout}
TCPTimeout=60
BatchStartTimeout=600
UnkillableStepTimeout=600
MinJobAge=43200
KillWait=5
GresTypes=gpu
NodeName=node[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{node_ports}] CPUs=4 RealMemory=16000 \
Gres=gpu:{gpus} State=UNKNOWN
PartitionName=all Nodes=node[1-2] Default=YES MaxTime=UNLIMITED State=UP
"""
GRES_CONF = "NodeName=node[1-2] Name=gpu File={folder}/gpu[0-{last}]\n"
CGROUP_CONF = "CgroupAutomount=no\nCgroupPlugin=cgroup/v1\n"
CONFIGURATION = {"slurm": SLURM_CONF, "gres": GRES_CONF, "cgroup": CGROUP_CONF}

_OWNER = "owner.pid"  # the process of the tests that started the cluster


def missing() -> str | None:
    """Why no cluster can be started here, or None."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"SLURM is not installed (no {', '.join(absent)})"
    if os.geteuid() != 0:
        return "only root can start a SLURM cluster"
    if not any(Path("/usr/lib").glob("*/libpmix.so")):
        return "SLURM has no PMIx (libpmix2 and libpmix-dev)"
    end_abandoned()
    if (CONFIGURED / "slurm.conf").exists():
        return f"{CONFIGURED}/slurm.conf is there: this machine belongs to a cluster"
    return None


def end_abandoned() -> None:
    """End the cluster of tests that were killed, which would keep those of later runs from starting one."""
    link = CONFIGURED / "slurm.conf"
    owner = link.resolve().parent / _OWNER
    if link.is_symlink() and owner.exists() and not is_running(int(owner.read_text())):
        links = [link.with_name(f"{name}.conf") for name in CONFIGURATION]
        Cluster(owner.parent, [link for link in links if link.is_symlink()]).stop()


@dataclass
class Cluster:
    """The running cluster, with its files in `folder`."""

    folder: Path
    _links: list[Path] = field(default_factory=list)

    def start(self) -> None:
        """Start all daemons and wait until both nodes are idle."""
        for name in ("state", "run", *(f"{kind}/{node}" for node in NODES for kind in ("spool", "tmp"))):
            (self.folder / name).mkdir(parents=True)
        (self.folder / _OWNER).write_text(str(os.getpid()))
        for number in range(GPUS_PER_NODE):
            os.mknod(self.folder / f"gpu{number}", 0o20600, os.makedev(195, number))
        self._write_configuration()
        self._start_munge()
        subprocess.run(["slurmctld"], check=True)
        for node in NODES:
            subprocess.run(["slurmd", "-N", node], check=True)
        eventually(lambda: self.states() == ["idle", "idle"], "both nodes are idle")

    def stop(self) -> None:
        """Cancel what still runs, and end what `start` started."""
        if self._pid("slurmctld"):
            subprocess.run(["scancel", "--user=root"], check=False)
        for daemon in (*(f"slurmd-{node}" for node in NODES), "slurmctld", "munged"):
            self.end(daemon)
        for link in self._links:
            link.unlink()

    def end(self, daemon: str) -> None:
        """End one daemon, if it runs: slurmctld, slurmd-node1, ..."""
        if pid := self._pid(daemon):
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(pid, signal.SIGTERM)
            wait_for_end(pid)

    def _pid(self, daemon: str) -> int | None:
        """The process of a daemon, None where it does not run."""
        try:
            pid = int((self.folder / "run" / f"{daemon}.pid").read_text())
            program = Path(f"/proc/{pid}/comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # Of a cluster that was left behind, the number may be another program's by now.
        return pid if program == daemon.partition("-")[0] else None

    @contextlib.contextmanager
    def impatient(self) -> Iterator[None]:
        """Within it clients soon give up asking a controller that is away."""
        file = self.folder / "slurm.conf"
        patient = file.read_text()
        file.write_text(patient.replace(MESSAGE_TIMEOUT, "MessageTimeout=2"))
        try:
            yield
        finally:
            file.write_text(patient)

    def states(self) -> list[str]:
        """The state of each node."""
        return self.ask("sinfo", "--noheader", "--Node", "--format=%T").split()

    def bring_back(self, node: str) -> None:
        """Let a node that is down work again, unless it has come back by itself, as `ReturnToService` allows."""
        eventually(
            lambda: self.state_of(node).rstrip("*") != "down" or self.update(f"nodename={node}", "state=resume"),
            f"{node} is up",
        )
        eventually(lambda: self.state_of(node) in ("idle", "mixed", "allocated"), f"{node} works again")

    def state_of(self, node: str) -> str:
        """The state of a node, with a star where it does not answer."""
        return self.ask("sinfo", "--noheader", f"--nodes={node}", "--format=%T").strip()

    def start_now(self, job: str) -> None:
        """Let a job that was requeued start at once; SLURM would let it wait for two minutes from its end on."""
        running = ("squeue", "--noheader", "--states=running", f"--jobs={job}")
        eventually(
            lambda: self.ask(*running) or (self.update(f"jobid={job}", "starttime=now") and time.sleep(1)), "it runs"
        )

    def update(self, *changes: str) -> bool:
        """Whether SLURM takes a change."""
        return self._run("scontrol", "update", *changes).returncode == 0

    def cancel(self, job: str) -> None:
        """Let SLURM end a job."""
        self._run("scancel", job).check_returncode()

    def ask(self, *command: str) -> str:
        """What a command of SLURM prints."""
        return self._run(*command).stdout

    @staticmethod
    def _run(*command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of SLURM, again while the controller does not answer: that is no answer."""

        def answer() -> subprocess.CompletedProcess[str] | None:
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            return None if run.returncode and any(reason in run.stderr for reason in NO_ANSWER) else run

        run = eventually(answer, f"SLURM answers {' '.join(command)}")
        assert run is not None
        return run

    def _write_configuration(self) -> None:
        ports = free_ports(1 + len(NODES))
        values = {
            "folder": self.folder,
            "host": socket.gethostname().split(".")[0],
            "controller_port": ports[0],
            "node_ports": ",".join(map(str, ports[1:])),
            "message_timeout": MESSAGE_TIMEOUT,
            "gpus": GPUS_PER_NODE,
            "last": GPUS_PER_NODE - 1,
        }
        # In /etc, because the executor plugin takes SLURM_CONF out of the environment of jobs.
        for name, text in CONFIGURATION.items():
            file = self.folder / f"{name}.conf"
            file.write_text(text.format(**values))
            link = CONFIGURED / file.name
            link.unlink(missing_ok=True)  # of a cluster that was killed
            link.symlink_to(file)
            self._links.append(link)

    def _start_munge(self) -> None:
        if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode == 0:
            return
        key = Path("/etc/munge/munge.key")
        if not key.exists():
            subprocess.run(["mungekey", "--create"], check=True)
            shutil.chown(key, "munge", "munge")
        Path("/run/munge").mkdir(exist_ok=True)
        shutil.chown("/run/munge", "munge", "munge")
        Path("/run/munge").chmod(0o755)
        subprocess.run(["runuser", "--user", "munge", "--", shutil.which("munged") or "munged"], check=True)
        shutil.copy("/run/munge/munged.pid", self.folder / "run" / "munged.pid")
