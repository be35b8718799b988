"""sshd and ssh with keys of one job: no private key ever leaves the host that made it."""

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

PORT = 2222
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
_SSHD = """\
Port {port}
ListenAddress {address}
HostKey {folder}/key
AuthorizedKeysFile {folder}/authorized_keys
ForceCommand /bin/sh {folder}/session
AllowUsers {user}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
LogLevel ERROR
MaxStartups 1000
ClientAliveInterval 15
ClientAliveCountMax 8
AllowTcpForwarding no
AllowAgentForwarding no
X11Forwarding no
"""
_SSH = """\
Host *
  User {user}
  Port {port}
  IdentityFile {folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  LogLevel ERROR
  ConnectTimeout 10
  ServerAliveInterval 15
  ServerAliveCountMax 8
"""


class ProgramMissingError(Exception):
    """The image lacks a program that hosts need to reach each other."""

    def __init__(self, program: str) -> None:
        super().__init__(f"{program} is not in the image: jobs on several hosts need OpenSSH's server and client.")


def private_folder() -> Path:
    """A folder of this process alone, in memory where possible: it gets keys and the environment."""
    return Path(
        tempfile.mkdtemp(prefix="snakemake-", dir=_SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None)
    )


def make_key(folder: Path) -> str:
    """Make the key pair `key`, `key.pub`; the public key."""
    subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / "key"], check=True)
    return (folder / "key.pub").read_text().strip()


def start_sshd(folder: Path, host: str, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start sshd for `authorized_keys` of the folder, on this host's own address. Sessions get the environment."""
    write_environment(folder / "environment", environment)
    session = f'. {folder}/environment\nexec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n'
    (folder / "session").write_text(session)
    (folder / "authorized_keys").touch()
    values = {"port": PORT, "address": socket.gethostbyname(host), "folder": folder, "user": _user()}
    (folder / "sshd_config").write_text(_SSHD.format(**values))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(parents=True, exist_ok=True)
    return subprocess.Popen([program("sshd"), "-D", "-e", "-f", folder / "sshd_config"], stdin=subprocess.DEVNULL)


def write_environment(path: Path, environment: Mapping[str, str]) -> None:
    """Write variables for a shell to read, for this user only."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items() if name.isidentifier()]
    path.touch(mode=0o600)
    path.write_text("".join(lines))


def prepare_ssh(folder: Path) -> list[str]:
    """Write the client's configuration; the command that uses it."""
    (folder / "known_hosts").touch()
    (folder / "ssh_config").write_text(_SSH.format(port=PORT, folder=folder, user=_user()))
    return [program("ssh"), "-F", str(folder / "ssh_config")]


def known_host(host: str, public_key: str) -> str:
    """Line of known_hosts."""
    return f"[{host}]:{PORT} {public_key}\n"


def program(name: str) -> str:
    """Path of a program.

    Raises:
        ProgramMissingError: there is none.
    """
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise ProgramMissingError(name)
    return found


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
