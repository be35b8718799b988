"""A download that is killed goes on, by Range, from what is on the disk."""

import signal
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts" / "download_slide.py"


def test_killed_in_mid_download_and_run_again(gdc, tmp_path, start_program):
    served = next(iter(gdc.files.values()))
    gdc.faults.append("stall")  # the server gives half of it and falls silent
    output, folder = tmp_path / "slides" / "S.svs", tmp_path / "on-the-way"
    command = [sys.executable, SCRIPT, "--file-id", served.file_id, "--filename", served.name, "--md5", served.md5]
    command += ["--size", str(served.size), "--server", gdc.url, "--folder", folder, "--output", output]
    command += ["--client", "https", "--timeout", "3600"]
    half = -(-served.size // 2)
    progress = folder / f"{served.file_id}.partial.progress"
    first = start_program(command, stderr=subprocess.DEVNULL)
    while not progress.exists() or int((progress.read_text() or "0 0").split()[1]) < half:
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert not output.exists()
    subprocess.run(command, check=True)
    assert output.read_bytes() == served.path.read_bytes()
    assert [request.range for request in gdc.data_requests()] == [None, f"bytes={half}-{served.size - 1}"]
