"""The report in a real browser: nothing on its console, nothing asked of a network, and a table that works."""

import itertools
import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from slidemill.reporting.report import write_report

from .fake_run import FakeSlide, write_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--v=0"),
]
SLIDES = [
    FakeSlide("t1", "LUAD", "test", scores=(0.8, 0.1, 0.1), patient_id="kappa t1"),
    FakeSlide("t10", "LUSC", "test", scores=(0.9, 0.05, 0.05), patient_id="kappa t10"),
    FakeSlide("t2", "LUSC", "test", scores=(0.1, 0.8, 0.1), patient_id="kappa t2"),
    FakeSlide("t3", "Normal", "test", scores=(0.1, 0.2, 0.7), patient_id="kappa t3"),
    FakeSlide("x", "Normal", "test", reason="no tissue"),
    FakeSlide("a", "LUAD", "train", flags=("pen_marks",)),
    FakeSlide("b", "LUSC", "validation"),
    *(FakeSlide(f"u{n}", "LUAD", "test", scores=(0.6, 0.3, 0.1)) for n in range(60)),
]

# Does what a reader does, and leaves what it saw in the page.
READER = """
<script>
addEventListener("load", async () => {
  const seen = {};
  const loaded = (image) => new Promise((done) => {
    if (image.complete) done(); else image.onload = image.onerror = done;
  });
  const visible = () => [...document.querySelectorAll("#slides tbody tr")]
    .filter((row) => getComputedStyle(row).display !== "none").map((row) => row.cells[1].textContent);
  const click = (element) => element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  const head = (name) => [...document.querySelectorAll("#slides thead button")]
    .find((button) => button.textContent.trim() === name);
  const search = (text) => {
    document.getElementById("search").value = text;
    document.getElementById("search").dispatchEvent(new Event("input"));
  };
  seen.first = visible();
  click(document.getElementById("next")); seen.second = visible();
  search("kappa"); click(head("LUAD")); seen.ascending = visible();
  click(head("LUAD")); seen.descending = visible();
  click(head("Slide")); seen.byName = visible();
  search("lusc t10"); seen.found = visible();
  search(""); click(document.getElementById("only-wrong")); seen.wrong = visible();
  click(document.querySelector("#slides tr:not([hidden]) button.picture"));
  const viewer = document.getElementById("viewer-picture");
  await loaded(viewer); seen.viewer = [document.getElementById("viewer").open, viewer.naturalWidth > 100];
  const images = [...document.images].filter((image) => image.src);
  for (const image of images) image.loading = "eager";
  await Promise.all(images.map(loaded));
  seen.images = images.length; seen.broken = images.filter((image) => !image.naturalWidth).length;
  seen.requests = performance.getEntriesByType("resource").map((entry) => entry.name)
    .filter((name) => !name.startsWith("data:"));
  seen.overflow = document.documentElement.scrollWidth - innerWidth;
  const note = document.createElement("pre");
  note.id = "seen"; note.textContent = JSON.stringify(seen); document.body.append(note);
});
</script>
</body>"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium: install the package chromium")
    folder = tmp_path_factory.mktemp("browser")
    write_report(write_run(folder, SLIDES), folder / "report.html")
    return folder / "report.html"


def _browse(folder, page, *options):
    """Open a page; its final DOM and what the browser wrote on its console."""
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}", *options, page.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return run.stdout, [line for line in run.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 500])  # 500 is the narrowest window of Chromium
def test_a_reader_sorts_searches_and_looks_at_pictures(report, tmp_path, width):
    page = report.with_name(f"read-{width}.html")
    page.write_text(report.read_text().replace("</body>", READER))
    for attempt in itertools.count():  # on a busy machine the browser may end before the page has
        options = ("--dump-dom", f"--virtual-time-budget={20_000 << attempt}", f"--window-size={width},900")
        dom, console = _browse(tmp_path / str(attempt), page, *options)
        assert console == []
        if note := re.search(r'<pre id="seen">(.*?)</pre>', dom):
            break
    seen = json.loads(note[1])
    assert (len(seen["first"]), len(seen["second"])) == (50, 15)
    assert not set(seen["first"]) & set(seen["second"])
    assert sorted(seen["ascending"][:2]) == ["t2", "t3"]
    assert seen["ascending"][2:] == ["t1", "t10"]
    assert seen["descending"] == seen["ascending"][::-1]
    assert seen["byName"] == ["t1", "t2", "t3", "t10"]
    assert (seen["found"], seen["wrong"]) == (["t10"], ["t10"])
    assert seen["viewer"] == [True, True]
    assert seen["images"] > 64
    assert seen["broken"] == 0
    assert seen["requests"] == []
    assert seen["overflow"] <= 0  # nothing is wider than the window


WIDE = [
    FakeSlide(
        f"TCGA-22-{n:04d}-01A-01-TS1.0b6f8ef3-3d48-4e3a-8f2b-{n:012d}",
        ("LUAD", "LUSC")[n % 2],
        "test" if n else "validation",
        scores=(0.9, 0.1) if n % 3 else (0.2, 0.8),
        patient_id=f"TCGA-22-{n:04d}",
        site="22",
    )
    for n in range(12)
]
MEASURER = """
<script>
addEventListener("load", () => {
  const cut = [...document.querySelectorAll(".scroll")].filter((part) => part.scrollWidth > part.clientWidth)
    .map((part) => part.getAttribute("aria-label"));
  const marks = [...document.querySelectorAll("#slides .mark")];
  const right = document.querySelector("main").getBoundingClientRect().right;
  const note = document.createElement("pre");
  note.id = "seen";
  note.textContent = JSON.stringify({ cut, marks: marks.length,
    beyond: marks.filter((mark) => mark.getBoundingClientRect().right > right).length });
  document.body.append(note);
});
</script>
</body>"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [1300, 1440])
def test_no_column_is_cut_off_with_two_classes_and_long_names(tmp_path, width):
    if CHROMIUM is None:
        pytest.skip("no Chromium: install the package chromium")
    slides = [*WIDE, replace(WIDE[1], slide_id="v", split="validation", patient_id="v")]
    page = tmp_path / "report.html"
    write_report(write_run(tmp_path, slides, classes=("LUAD", "LUSC")), page)
    page.write_text(page.read_text().replace("</body>", MEASURER))
    for attempt in itertools.count():  # as above
        dom, _ = _browse(tmp_path / str(attempt), page, "--dump-dom", f"--window-size={width},900")
        if note := re.search(r'<pre id="seen">(.*?)</pre>', dom):
            break
    seen = json.loads(note[1])
    assert seen["marks"] > 0
    assert (seen["cut"], seen["beyond"]) == ([], 0)
