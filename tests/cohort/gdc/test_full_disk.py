"""A disk that fills up in the middle of a download, by both clients: a small one in a namespace of its own."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from ...local_gdc import LocalGdc, ServedFile, uuid_of

SCRIPT = Path(__file__).parents[3] / "scripts" / "download_slide.py"
OWN_MOUNTS = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]

# A disk of 20 MB, on which somebody else takes all the room as soon as the download has begun.
ON_A_SMALL_DISK = """
set -e
mount -t tmpfs -o size=20m none "$1"
mkdir "$1/on-the-way"
(
    until [ -n "$(find "$1/on-the-way" -name '*.partial')" ]; do sleep 0.05; done
    dd if=/dev/zero of="$1/somebody-elses" bs=64k 2> /dev/null || true
    touch "$2"
) &
shift 2
"$@" && code=0 || code=$?
find "$FOLDER" -name S.svs
exit $code
"""


@pytest.fixture
def served_folder(tmp_path):
    folder = tmp_path / "at-the-gdc"
    folder.mkdir()
    (folder / "large.svs").write_bytes(random.Random(1).randbytes(12 << 20))
    return folder


@pytest.mark.parametrize("client", ["https", "gdc-client"])
def test_a_disk_that_fills_up_ends_the_run_and_sets_no_slide_aside(client, served_folder, gdc_client, tmp_path):
    if subprocess.run([*OWN_MOUNTS, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespace to mount a small disk in: needs root, or user namespaces")
    disk, is_full = tmp_path / "disk", tmp_path / "the-disk-is-full"
    disk.mkdir()
    path = served_folder / "large.svs"
    with LocalGdc([ServedFile(path, uuid_of(path.name))]) as gdc:

        def wait_until_the_disk_is_full():
            asks_for_the_size = client == "gdc-client" and len(gdc.data_requests()) == 1  # before there is any file
            while not (asks_for_the_size or is_full.exists() or gdc.closing.wait(0.02)):
                pass

        gdc.before_bytes = wait_until_the_disk_is_full
        (served,) = gdc.files.values()
        command = [sys.executable, SCRIPT, "--file-id", served.file_id, "--filename", served.name]
        command += ["--md5", served.md5, "--size", str(served.size), "--server", gdc.url, "--client", client]
        command += ["--folder", disk / "on-the-way", "--output", disk / "S.svs", "--tries", "2"]
        command += ["--timeout", "3600"]
        run = subprocess.run(
            [*OWN_MOUNTS, "sh", "-c", ON_A_SMALL_DISK, "sh", disk, is_full, *command],
            env=os.environ | {"FOLDER": str(disk)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 1, run.stderr
    assert "the disk or your quota is full. Make room and run again." in run.stderr.splitlines()[-1]
    assert run.stdout == ""  # no slide, and no text in its place
