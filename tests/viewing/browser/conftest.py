"""Chromium on the page of a viewer that runs as a program."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from ..conftest import Run

REPOSITORY = Path(__file__).parents[3]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MS = 120_000  # for what hangs
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")  # while it is open, no test of this process can run a loop of asyncio
def chromium():
    """A browser."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine; the page is not tested")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--hide-scrollbars"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Viewer:
    """A program that serves, and what it serves."""

    link: str
    results: Path
    run: Run

    @property
    def base(self):
        return self.link.partition("?")[0]


def start_viewer(run):
    """Yield the viewer of a run, and end it."""
    options = {"--sheet": run.sheet, "--results": run.results, "--shared": run.results, "--port": "0"}
    command = [sys.executable, REPOSITORY / "scripts" / "view.py", *(part for pair in options.items() for part in pair)]
    command += ["--config", json.dumps(run.config), "--notes-by", "a reader"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            link = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
            yield Viewer(link, run.results, run)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def viewer(chromium, run, tmp_path_factory):
    """The viewer of a copy of the small run, in which notes may be written."""
    folder = tmp_path_factory.mktemp("browsed")
    shutil.copytree(run.results, folder / "results")
    shutil.copy(run.sheet, folder)
    yield from start_viewer(Run(folder, run.config))


class Browsing:
    """A page of the browser, and what it has asked for and said meanwhile."""

    def __init__(self, page, viewer):
        self.page = page
        self.viewer = viewer
        self.console = []
        self.expected = []  # parts of lines that the browser writes of failures that a test makes
        self.asked = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: self.console.append(f"{message.text} {message.location['url']}"))
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self, fragment="", ready="cohort"):
        """Open a link that was sent, as a new page does."""
        self.page.goto("about:blank")
        self.page.goto(self.viewer.link + fragment)
        self.page.wait_for_selector(f'body[data-ready^="{ready}"]')
        return self.page

    def open_slide(self, fragment):
        """Open the link to a slide, and wait until it is drawn."""
        page = self.open(fragment, "slide")
        self.rest()
        return page

    def rest(self):
        """Wait until nothing moves and all is drawn."""
        for number in range(self.page.locator(".pane:visible").count()):
            self.page.locator('.pane:visible[data-settled="yes"]').nth(number).wait_for()

    def place(self, number=0):
        """Where a pane looks: x, y, zoom."""
        self.rest()
        return tuple(map(float, self.page.locator(".pane").nth(number).get_attribute("data-place").split()))

    def place_after(self, move):
        """Where the first pane looks once it has moved and rests again."""
        self.rest()
        pane = self.page.locator(".pane").first
        before = pane.get_attribute("data-place")
        move()
        expect(pane).not_to_have_attribute("data-place", before)
        return self.place()

    def click_middle(self):
        """Click what lies in the middle of the first pane."""
        box = self.page.locator(".pane").first.bounding_box()
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


@pytest.fixture
def browsing(chromium, viewer):
    """A new page; at its end nothing is on the console, and nothing was asked of anyone else."""
    with chromium.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True) as context:
        browsing = Browsing(context.new_page(), viewer)
        yield browsing
        unexpected = [line for line in browsing.console if not any(part in line for part in browsing.expected)]
        assert unexpected == []
        assert {url for url in browsing.asked if not url.startswith((viewer.base, "blob:", "about:"))} == set()
