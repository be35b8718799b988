"""Dry runs without the start of Snakemake, which is three quarters of them.

One process imports Snakemake, and each dry run is a fork of it: `snakemake` with the arguments and the environment that
it is given, and nothing left of the run before.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path


class DryRuns:
    """The process that is forked; it starts with the first run."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        atexit.register(self.end)

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run `snakemake` to its end; its output and errors are in `stdout`."""
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as output:
            request = {"arguments": list(arguments), "environment": dict(environment), "output": output.name}
            status = self._answer(json.dumps(request))
            return subprocess.CompletedProcess(["snakemake", *arguments], status, output.read())

    def _answer(self, request: str) -> int:
        if self._process is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self._process = subprocess.Popen([sys.executable, __file__], **pipes)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(request, file=self._process.stdin, flush=True)
            return int(self._process.stdout.readline())
        except BaseException:
            self._process.kill()  # what it is at now answers nobody any more
            self.end()
            raise

    def end(self) -> None:
        """End the process, if it has been started."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


def _serve() -> None:
    """Fork for each request, until no more come."""
    from snakemake.cli import get_argument_parser

    get_argument_parser()  # imports the plugins
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become_snakemake(**json.loads(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become_snakemake(arguments: list[str], environment: dict[str, str], output: str) -> None:
    from snakemake.cli import main

    for number, path in ((0, os.devnull), (1, output), (2, output)):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(Path(sys.executable).with_name("snakemake")), *arguments]
    sys.exit(main())


if __name__ == "__main__":
    _serve()
