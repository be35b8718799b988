"""How long the viewer's page takes to show a cohort of 5,000 slides in Chromium, and to go through it.

    .venv/bin/python benchmarks/viewer_page.py [--slides 5000] [--rounds 5]

A viewer of an empty cohort runs as a program and gives the page; the browser is told a made-up cohort in place of its
own answer, so that the page is measured and not the disk. The time is from the start of the navigation to the moment
when the page says that its table is there. Fails where the median is a second or more.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from playwright.sync_api import Page, Route, sync_playwright

REPOSITORY = Path(__file__).parents[1]
CLASSES = ["LUAD", "LUSC", "Normal"]
LONGEST_S = 1.0


def cohort(count: int) -> dict[str, Any]:
    random = np.random.default_rng(0)
    slides = []
    for number in range(count):
        scores = random.dirichlet(np.full(3, 0.4))
        second, first = np.sort(scores)[-2:]
        label, predicted = CLASSES[number % 3], CLASSES[int(scores.argmax())]
        verdict = {
            "predicted": predicted,
            "scores": scores.round(4).tolist(),
            "right": predicted == label,
            "uncertainty": float(1 - first + second),
            "split": "test",
        }
        slides.append(
            {
                "slide": f"S-{number:05}-A",
                "patient": f"P-{number // 2:05}",
                "site": f"H{number % 12}",
                "label": label,
                "split": "test",
                "fold": None,
                "state": "predicted",
                "reason": "",
                "flags": ["pen_marks"] if number % 17 == 0 else [],
                "tiles": int(random.integers(50, 9000)),
                "width": 100_000,
                "height": 80_000,
                "mpp": 0.25,
                "annotated": False,
                "runs": {"main": verdict},
            }
        )
    run = {"key": "main", "name": "main", "method": "tiles", "classes": CLASSES, "encoder": None, "state": "evaluated"}
    return {"title": f"{count} slides", "runs": [run], "slides": slides, "complete": True}


def seconds_to_open(page: Page, url: str) -> float:
    page.goto("about:blank")
    page.goto(url)
    page.wait_for_selector("body[data-ready=cohort] .row[data-slide]")
    return float(page.evaluate("performance.getEntriesByName('slidemill cohort shown')[0].startTime")) / 1000


def seconds_to_filter(page: Page) -> float:
    """Until the page shows the slides that are wrong, asked for through its own filter."""
    start = time.perf_counter()
    page.locator("select[name=right]").select_option("wrong")
    page.wait_for_selector("body[data-ready=cohort] .row.mistaken")
    return time.perf_counter() - start


@click.command()
@click.option("--slides", default=5000)
@click.option("--rounds", default=5)
@click.option("--chromium", default="/usr/bin/chromium")
def main(slides: int, rounds: int, chromium: str) -> None:
    body = json.dumps(cohort(slides))

    def told(route: Route) -> None:
        route.fulfill(content_type="application/json", body=body)

    def nothing(route: Route) -> None:
        route.fulfill(status=404, body="")

    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "slides.tsv"
        sheet.write_text("slide_id\tpatient_id\tlabel\tpath\nS\tP\tLUAD\tnone.tiff\n")
        config = json.dumps({"classes": CLASSES, "method": "tiles"})
        options = ["--sheet", sheet, "--results", folder, "--shared", folder, "--config", config, "--port", "0"]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
        command = [sys.executable, REPOSITORY / "scripts" / "view.py", *options]
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, env=environment) as server:
            assert server.stdout is not None
            link = next(found[0] for line in server.stdout if (found := re.search(r"http://\S+", line)))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.route("**/api/cohort", told)
                page.route("**/thumbnail.jpg", nothing)
                times = [seconds_to_open(page, link) for _ in range(rounds)]
                filtered = seconds_to_filter(page)
                elements = page.locator("*").count()
                browser.close()
            server.terminate()
    print(f"{slides} slides, {len(body) / 1e6:.1f} MB of JSON: shown after {statistics.median(times):.2f} s")
    print(f"(median of {rounds}: {', '.join(f'{seconds:.2f}' for seconds in times)}); filtered in {filtered:.2f} s;")
    print(f"{elements} elements on the page")
    if statistics.median(times) >= LONGEST_S:
        sys.exit(f"that is {LONGEST_S:g} s or more")


if __name__ == "__main__":
    main()
