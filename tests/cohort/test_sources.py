import errno
import os
import subprocess
import sys

import pytest

from slidemill.cohort import SheetError, read_sheet
from slidemill.cohort.sources import check_sources

COLUMNS = ("slide_id", "patient_id", "path", "file_id", "filename", "md5", "size", "mpp", "synthetic")
UUIDS = [f"{number:08d}-1234-1234-1234-123456789012" for number in range(9)]
MD5S = [f"{number:032x}" for number in range(9)]


def write(folder, *rows):
    lines = ["\t".join(COLUMNS)]
    lines += [
        "\t".join(str({"patient_id": f"P{n}", **row}.get(name, "")) for name in COLUMNS) for n, row in enumerate(rows)
    ]
    sheet = folder / "slides.tsv"
    sheet.write_text("\n".join(lines))
    return sheet


def problems(sheet):
    with pytest.raises(SheetError) as caught:
        check_sources(sheet, read_sheet(sheet))
    return [line.removeprefix(str(sheet)) for line in caught.value.problems]


def downloaded(slide_id, number, **changes):
    return {
        "slide_id": slide_id,
        "file_id": UUIDS[number],
        "filename": "f.svs",
        "md5": MD5S[number],
        "size": 7,
    } | changes


@pytest.fixture
def slides(tmp_path, monkeypatch):
    """A folder with a.svs and b.svs, of equal size and time, in which we are."""
    folder = tmp_path / "slides"
    folder.mkdir()
    for name in ("a.svs", "b.svs"):
        (folder / name).write_bytes(b"slide")
        os.utime(folder / name, (1, 1))
    monkeypatch.chdir(folder)
    return folder


def test_a_slide_needs_one_source_that_exists(tmp_path, slides):
    sheet = write(
        tmp_path,
        {"slide_id": "a", "path": "a.svs"},
        {"slide_id": "b", "path": "gone.svs"},
        {"slide_id": "c"},
        {"slide_id": "d", "path": "b.svs", "file_id": UUIDS[0]},
        downloaded("e", 1),
        downloaded("f", 2, md5=""),
        {"slide_id": "g", "path": "."},
        {"slide_id": "h", "path": "a.svs/x"},
    )
    found = problems(sheet)
    assert [line.split(":")[1].strip()[:9] for line in found] == [f"slide '{name}'" for name in "bcdfgh"]
    for line, told in zip(
        found,
        [
            "there is no file gone.svs",
            "Say where its file is",
            "has path and file_id. Keep one",
            "no md5",
            "is a folder",
            "no file",
        ],
        strict=True,
    ):
        assert told in line


def test_two_files_are_two_slides(tmp_path, slides):
    sheet = write(tmp_path, {"slide_id": "a", "path": "a.svs"}, {"slide_id": "b", "path": "b.svs"}, downloaded("c", 1))
    check_sources(sheet, read_sheet(sheet))


@pytest.mark.parametrize(
    "spelling",
    ["a.svs", "./a.svs", "../slides/a.svs", "{folder}/a.svs", "{folder}//./a.svs", "symbolic", "hard", "in/a.svs"],
)
def test_one_path_by_any_spelling_is_one_file(tmp_path, slides, spelling):
    (slides / "symbolic").symlink_to("a.svs")
    (slides / "hard").hardlink_to(slides / "a.svs")
    (slides / "in").symlink_to(".")
    sheet = write(
        tmp_path,
        {"slide_id": "x", "path": "a.svs"},
        {"slide_id": "b", "path": "b.svs"},
        {"slide_id": "y", "path": spelling.format(folder=slides)},
    )
    (found,) = problems(sheet)
    assert found.startswith(", lines 2 and 4: slides 'x' and 'y' ")
    assert found.endswith("Keep one of the rows, or correct the other.")


def test_one_object_in_s3(tmp_path):
    rows = [
        {"slide_id": f"s{n}", "path": path}
        for n, path in enumerate(["s3://b/k/a.svs", "s3://b/k/b.svs", "s3://b/k/../k//a.svs"])
    ]
    (found,) = problems(write(tmp_path, *rows))
    assert found.startswith(
        ", lines 2 and 4: slides 's0' and 's2' are one file, s3://b/k/a.svs and s3://b/k/../k//a.svs."
    )


def test_three_rows_of_one_file_are_one_line(tmp_path):
    (found,) = problems(write(tmp_path, *(downloaded(f"s{n}", 1) for n in range(3))))
    assert found.startswith(f", lines 2, 3 and 4: slides 's0', 's1' and 's2' have one file_id, {UUIDS[1]}.")


def test_one_md5_under_two_file_ids(tmp_path):
    (found,) = problems(write(tmp_path, downloaded("a", 1), downloaded("b", 2, md5=MD5S[1]), downloaded("c", 3)))
    assert found.startswith(f", lines 2 and 3: slides 'a' and 'b' have one md5, {MD5S[1]}.")


def test_one_recipe_gives_each_slide_a_picture_of_its_own(tmp_path):
    sheet = write(tmp_path, *({"slide_id": f"s{n}", "synthetic": "glands 20x 1x1mm"} for n in range(2)))
    check_sources(sheet, read_sheet(sheet))


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "file:///data/a.svs",
            "slide 'a': its path file:///data/a.svs is an address. Write the plain path: /data/a.svs.",
        ),
        ("gs://bucket/a.svs", "of a kind that is not read"),
        ("{slide_id}.svs", "its path {slide_id}.svs has braces, which stand for wildcards here"),
    ],
)
def test_paths_that_are_not_read(tmp_path, slides, path, told):
    (slides / path.rpartition("/")[2]).touch()
    (found,) = problems(write(tmp_path, {"slide_id": "a", "path": path}))
    assert told in found


def test_a_file_that_cannot_be_looked_at(tmp_path, monkeypatch):
    sheet = write(tmp_path, {"slide_id": "a", "path": "away/a.svs"})

    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr("slidemill.cohort.sources.os.stat", refuse)
    (found,) = problems(sheet)
    assert "away/a.svs: Permission denied. Give the user that runs the job the right to it" in found


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"filename": "../f.svs"}, "filename '../f.svs': expected a plain file name"),
        ({"md5": "A" * 32}, "32 hexadecimal digits in lower case"),
        ({"file_id": "x"}, "file_id 'x': expected a UUID"),
        ({"size": 0}, "size 0: expected a number of bytes above 0"),
        ({"mpp": 500}, "500.0 um per pixel: expected 0.05 to 50"),
        ({"file_id": "", "filename": "", "md5": "", "size": "", "synthetic": "glands 20x"}, "2 words, expected 3 or 4"),
    ],
)
def test_what_the_job_of_a_slide_would_refuse(tmp_path, changes, told):
    (found,) = problems(write(tmp_path, downloaded("a", 1, **changes)))
    assert found.startswith(", line 2: slide 'a': ")
    assert told in found


def test_a_path_that_the_system_refuses(tmp_path):
    (found,) = problems(write(tmp_path, {"slide_id": "a", "path": "x" * 300}))
    assert "cannot be looked at (File name too long). Correct its path." in found


def test_slides_to_draw_and_slides_to_download_do_not_mix(tmp_path):
    (found,) = problems(write(tmp_path, downloaded("a", 1), {"slide_id": "b", "synthetic": "glands 20x 1x1mm"}))
    assert "slide 'a' is to be downloaded, but the sheet has slides to draw" in found


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_slides_that_may_not_be_looked_at_are_a_line_each(tmp_path):
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    for name in ("a", "closed/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a").chmod(0)
    (tmp_path / "closed").chmod(0)
    paths = {name: f"{tmp_path}/{name}" for name in ("a", "closed/b")}
    sheet = write(tmp_path, *({"slide_id": name[-1], "path": path} for name, path in paths.items()))
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom slidemill.cohort import read_sheet\n"
        "from slidemill.cohort.sources import check_sources\nfrom slidemill.command import run\n"
        "sheet = Path(sys.argv[1])\nslides = read_sheet(sheet)\nos.setuid(12345)\n"
        "run(lambda: check_sources(sheet, slides))\n"
    )
    told = subprocess.run([sys.executable, "-c", program, sheet], capture_output=True, text=True, check=False).stderr
    assert "Traceback" not in told
    for line, name in zip(told.splitlines(), ("a", "closed/b"), strict=True):
        assert f"{tmp_path}/{name}: Permission denied. Give the user that runs the job the right to it" in line
