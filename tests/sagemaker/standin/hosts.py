"""The "instances" of a job: each a container on this machine, with its own files, processes, network and host name.

What an image would hold is this machine's file system, read through an overlay: what a host writes stays its own.
The checkout is hidden but for its environment and its library, and so is /tmp, as neither is part of an image.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]

_TOOLS = ("ip", "mount", "nsenter", "setpriv", "unshare", "sshd")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def why_impossible() -> str | None:
    """Why this machine cannot run hosts, None where it can."""
    if os.geteuid() != 0:
        return "hosts need namespaces, which only root may make"
    missing = [tool for tool in _TOOLS if shutil.which(tool, path=_SYSTEM_PATH) is None]
    if missing:
        return f"hosts need {', '.join(missing)} (Debian: iproute2, mount, util-linux, openssh-server)"
    try:
        with tempfile.TemporaryDirectory() as folder, Network(f"sm{os.getpid()}") as network:
            host = network.host("algo-1", Path(folder))
            host.start(["true"], {}, names={})
            if host.wait():
                return f"hosts cannot be started here: {host.log.read_text().strip()}"
    except (OSError, subprocess.CalledProcessError) as error:
        return f"namespaces cannot be made here: {getattr(error, 'stderr', None) or error}"
    return None


class Network:
    """A bridge to which hosts are wired; this machine has the first address.

    Args:
        name: of the bridge, at most nine characters; "sm" and the number of this process.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        number = os.getpid()
        self._subnet = f"10.{200 + number % 50}.{number // 50 % 256}"
        self._count = 0
        self.address = f"{self._subnet}.1"

    def __enter__(self) -> "Network":
        for path in Path("/sys/class/net").glob("sm[0-9]*"):
            if path.name[2:].isdecimal() and not Path("/proc", path.name[2:]).exists():
                with contextlib.suppress(subprocess.CalledProcessError):  # another stand-in does the same
                    _remove_network(path.name)  # of a stand-in that was killed
        _ip(f"link add {self._name} type bridge", f"addr add {self.address}/24 dev {self._name}")
        _ip(f"link set {self._name} up")
        return self

    def __exit__(self, *error: object) -> None:
        _remove_network(self._name)

    def host(self, name: str, folder: Path) -> "Host":
        """A host that is wired and not started.

        Args:
            name: such as algo-1.
            folder: for all its files; made anew.
        """
        self._count += 1
        namespace = f"{self._name}-{self._count}"
        address = f"{self._subnet}.{2 + self._count % 250}"
        _ip(f"netns add {namespace}", f"link add {namespace} type veth peer name eth0 netns {namespace}")
        _ip(f"link set {namespace} master {self._name} up")
        _ip(f"addr add {address}/24 dev eth0", "link set eth0 up", "link set lo up", namespace=namespace)
        shutil.rmtree(folder, ignore_errors=True)
        for part in ("ml", "upper/etc", "upper/run/sshd", "work", "root"):
            (folder / part).mkdir(parents=True)
        return Host(name, folder, namespace, address)


@dataclass
class Host:
    """One instance.

    Attributes:
        name: such as algo-1; its host name.
        folder: its files on this machine.
        namespace: of its network.
        address: in that network.
        read_only: folders of this machine by the path in the container where they appear.
    """

    name: str
    folder: Path
    namespace: str
    address: str
    read_only: dict[str, Path] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None
    _killed: bool = False

    @property
    def opt_ml(self) -> Path:
        """What the container sees as /opt/ml."""
        return self.folder / "ml"

    @property
    def log(self) -> Path:
        """What the container prints."""
        return self.folder / "log"

    def inside(self, path: str) -> Path:
        """Where a path of the container under /opt/ml lies on this machine."""
        return self.opt_ml / Path(path).relative_to("/opt/ml")

    def start(self, command: Sequence[str], environment: Mapping[str, str], *, names: Mapping[str, str]) -> None:
        """Start the container's program, which is its first process, as in Docker.

        Args:
            command: program and arguments.
            environment: all of it but PATH and HOME.
            names: address of each host by its name.
        """
        hosts = "".join(f"{address}\t{name}\n" for name, address in {"localhost": "127.0.0.1", **names}.items())
        (self.folder / "upper/etc/hosts").write_text(hosts)
        # In the image the environment is where it really lies; in a checkout it may be a link.
        programs = f"{Path(sys.prefix).resolve()}/bin:{_SYSTEM_PATH}"
        own = {"PATH": programs, "HOME": "/root", "LANG": "C.UTF-8", "HOSTNAME": self.name}
        own["PYTHONPATH"] = str(REPOSITORY / "src")  # of this checkout, wherever the environment's own leads
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._isolated(), "sh", "-ec", self._setup(), "sh", *command],
                env={**own, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.DEVNULL,  # of unshare itself
                start_new_session=True,
            )

    def exit_code(self) -> int | None:
        """As Docker tells it: 128 more than the signal's number where a signal ended it. None while it runs."""
        code = self._process.poll() if self._process else None
        if code is None:
            return None
        if self._killed:  # unshare hides it
            return 128 + signal.SIGKILL
        return code if code >= 0 else 128 - code

    def wait(self) -> int:
        """Wait for the container to end."""
        assert self._process
        return self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the container's first process, if it runs. Like every process number 1 it only gets what it
        listens to, SIGKILL apart."""
        assert self._process
        self._killed |= number == signal.SIGKILL
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        try:
            pids = [int(pid) for pid in children.read_text().split()]
            if not pids and number == signal.SIGKILL:  # it has not come to its first process
                self._process.kill()
            for pid in pids:
                os.kill(pid, number)
        except (FileNotFoundError, ProcessLookupError):
            return  # ended meanwhile

    def kill(self) -> None:
        """End the container as a machine that breaks does."""
        self.send(signal.SIGKILL)

    def remove(self) -> None:
        """Unplug it. What it wrote is kept."""
        _ip(f"netns del {self.namespace}")
        for part in ("root", "upper", "work"):
            shutil.rmtree(self.folder / part, ignore_errors=True)

    def _isolated(self) -> list[str]:
        network = ["nsenter", f"--net=/run/netns/{self.namespace}"]
        others = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        return ["setpriv", "--pdeathsig=KILL", *network, *others]

    def _setup(self) -> str:
        root = self.folder / "root"
        overlay = f"lowerdir=/,upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        commands = [
            ["mount", "--make-rprivate", "/"],
            ["mount", "-t", "overlay", "overlay", "-o", overlay, str(root)],
            ["mount", "-t", "proc", "proc", f"{root}/proc"],
            *(["mount", "--rbind", f"/{name}", f"{root}/{name}"] for name in ("dev", "sys")),
            ["mount", "-t", "tmpfs", "tmpfs", f"{root}/dev/shm"],
            *_emptied(root, _hidden()),
            *_mounted(root, {str(folder): folder for folder in _image()}),
            *_mounted(root, {"/opt/ml": self.opt_ml}),
            *_mounted(root, self.read_only, read_only=True),
            ["hostname", self.name],
        ]
        return "\n".join(["exec 2>&1", *map(shlex.join, commands), f'exec chroot {shlex.quote(str(root))} "$@"'])


def _emptied(root: Path, folders: Sequence[Path]) -> list[list[str]]:
    commands = []
    for folder in folders:
        target = f"{root}{folder}"  # inside of one that is empty already, it has to be made
        commands += [["mkdir", "-p", target], ["mount", "-t", "tmpfs", "tmpfs", target]]
    return commands


def _mounted(root: Path, folders: Mapping[str, Path], *, read_only: bool = False) -> list[list[str]]:
    commands = []
    for inside, folder in folders.items():
        target = f"{root}{inside}"
        commands += [["mkdir", "-p", target], ["mount", "--bind", str(folder), target]]
        commands += [["mount", "-o", "remount,ro,bind", target]] if read_only else []
    return commands


def _hidden() -> list[Path]:
    """Folders of this machine that no image has."""
    return sorted({Path("/tmp"), Path(tempfile.gettempdir()).resolve(), REPOSITORY})


def _image() -> list[Path]:
    """Folders of this machine that an image would have: Python, the environment and the library."""
    own = [Path(sys.prefix).resolve(), REPOSITORY / "src", Path(sys.base_prefix).resolve()]
    root = Path("/").stat().st_dev
    return [path for path in own if path.stat().st_dev != root or any(path.is_relative_to(one) for one in _hidden())]


def _remove_network(name: str) -> None:
    for path in Path("/run/netns").glob(f"{name}-*"):
        _ip(f"netns del {path.name}")
    _ip(f"link del {name}")


def _ip(*commands: str, namespace: str | None = None) -> None:
    inside = ["-n", namespace] if namespace else []
    subprocess.run(
        ["ip", *inside, "-batch", "-"], input="\n".join(commands), text=True, check=True, capture_output=True
    )
