"""`snakemake view`, as a user runs it: beside another Snakemake, from the command line to its end."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from .conftest import CLASSES, TOKEN, predictions_of, put_predictions, put_store, store_of, write_sheet

REPOSITORY = Path(__file__).parents[2]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


@pytest.mark.slow
def test_a_run_that_goes_on_is_viewed_until_sigterm(tmp_path, start_program, monkeypatch):
    names = [f"S{number}" for number in range(6)]
    row = {name: {"slide_id": name, "patient_id": name, "path": f"{name}.svs"} for name in names}
    rows = [row[name] | {"label": CLASSES[number % 2]} for number, name in enumerate(names)]
    write_sheet(tmp_path / "slides.tsv", rows)
    for name in names:
        (tmp_path / f"{name}.svs").write_bytes(b"no slide")
    results = tmp_path / "results"
    put_store(results, store_of("S0", (700, 600)))
    put_predictions(results, predictions_of("S0", [0.9] * 4))
    # As a Snakemake leaves it that makes the predictions at this time.
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/predictions/S1.zarr.zip\n")
    monkeypatch.setenv("SLIDEMILL_TOKEN", TOKEN)
    config = ["slides=slides.tsv", f"classes={json.dumps(CLASSES)}", "viewing={port: 0}"]
    command = [SNAKEMAKE, "-s", REPOSITORY / "Snakefile", "view", "--cores", "1", "--config", *config]
    process = start_program(
        list(map(str, command)), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if "?token=" in line:
            break
    else:
        raise AssertionError("".join(said))
    url = line.strip().partition("/?")[0]
    request = urllib.request.Request(f"{url}/api/cohort", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request) as reply:
        slides = {slide["slide"]: slide["state"] for slide in json.load(reply)["slides"]}
    assert slides == {"S0": "predicted"} | dict.fromkeys(names[1:], "waiting")
    process.send_signal(signal.SIGTERM)
    process.stdout.read()
    assert process.wait(timeout=300) == 0
    assert TOKEN not in (tmp_path / "logs" / "view.log").read_text()
    assert (locks / "0.output.lock").exists()
