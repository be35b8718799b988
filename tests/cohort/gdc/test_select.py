import dataclasses
from collections import Counter
from pathlib import Path

import pytest

from slidemill.cohort import read_sheet
from slidemill.cohort.gdc import query
from slidemill.cohort.gdc.errors import GdcError, ServerUnavailableError
from slidemill.cohort.gdc.manifest import ManifestError, read_manifest
from slidemill.cohort.gdc.patience import Patience
from slidemill.cohort.gdc.select import SelectedFiles, SelectionError, select_slides
from slidemill.cohort.gdc.selection import Selection
from slidemill.cohort.gdc.server import GdcServer
from slidemill.errors import ConfigError

from ...local_gdc import ServedFile, uuid_of

CLASSES = ("LUAD", "LUSC", "Normal")
PROJECTS = {"TCGA-LUAD": "LUAD", "TCGA-LUSC": "LUSC"}
FROZEN = Selection(CLASSES, PROJECTS, ("frozen",))
REAL = Path(__file__).parents[4] / "shared" / "gdc"


@pytest.fixture
def gdc(gdc):
    gdc.files.clear()
    return gdc


@pytest.fixture
def serve(gdc, tmp_path):
    content = tmp_path / "content"
    content.write_bytes(b"slide")

    def add(name, project="TCGA-LUAD", **facts):
        normal = name[13:14] == "1"
        strategy = "Diagnostic Slide" if "-DX" in name else "Tissue Slide"
        facts = {"strategy": strategy, "tissue_type": "Normal" if normal else "Tumor"} | facts
        file = ServedFile(content, uuid_of(name), project, filename=name, **facts)
        gdc.files[file.file_id] = file

    return add


@pytest.fixture
def cohort(serve):
    serve("TCGA-05-0001-01A-01-TS1.A1B2.svs")
    serve("TCGA-05-0001-11A-01-TS1.A1B2.svs")
    serve("TCGA-05-0002-02A-01-BS1.A1B2.svs")
    serve("TCGA-18-0003-01A-01-MSA.A1B2.svs", "TCGA-LUSC")
    serve("TCGA-05-0002-01Z-00-DX1.A1B2.svs")


@pytest.fixture
def select(gdc, tmp_path):
    outputs = SelectedFiles(tmp_path / "s.tsv", tmp_path / "m.txt", tmp_path / "l.tsv")

    def call(selection=FROZEN, **arguments):
        with GdcServer(gdc.url, Patience(3, 1.0, 0.01)) as server:
            select_slides(selection, server, outputs, **arguments)
        left_out = [line.split("\t") for line in outputs.left_out.read_text().splitlines()[1:]]
        return {slide.slide_id: slide for slide in read_sheet(outputs.sheet)}, {row[1]: row[2] for row in left_out}

    call.outputs = outputs
    return call


def labels(slides):
    return {slide_id: slide.label for slide_id, slide in slides.items()}


def test_labels_come_from_barcode_and_project(cohort, select, gdc):
    slides, left_out = select()
    assert labels(slides) == {
        "TCGA-05-0001-01A-01-TS1": "LUAD",
        "TCGA-05-0001-11A-01-TS1": "Normal",
        "TCGA-05-0002-02A-01-BS1": "LUAD",
        "TCGA-18-0003-01A-01-MSA": "LUSC",
    }
    assert left_out == {}
    one = slides["TCGA-18-0003-01A-01-MSA"]
    served = gdc.files[one.file_id]
    assert (one.patient_id, one.site, one.filename) == ("TCGA-18-0003", "18", "TCGA-18-0003-01A-01-MSA.A1B2.svs")
    assert (one.md5, one.size) == (served.md5, served.size)


def test_the_manifest_names_the_slides_of_the_sheet(cohort, select):
    slides, _ = select()
    files = read_manifest(select.outputs.manifest)
    assert {file.file_id for file in files} == {slide.file_id for slide in slides.values()}


@pytest.mark.parametrize(("sections", "count"), [(("frozen",), 4), (("frozen", "ffpe"), 5)])
def test_sections(cohort, select, sections, count):
    assert len(select(dataclasses.replace(FROZEN, sections=sections))[0]) == count


def test_only_diagnostic_slides(cohort, serve, select):
    serve("TCGA-18-0003-01Z-00-DX1.A1B2.svs", "TCGA-LUSC")
    slides, _ = select(Selection(("LUAD", "LUSC"), PROJECTS, ("ffpe",)))
    assert labels(slides) == {"TCGA-05-0002-01Z-00-DX1": "LUAD", "TCGA-18-0003-01Z-00-DX1": "LUSC"}


def test_a_class_that_cannot_be_had_is_told_before_the_gdc_is_asked():
    with pytest.raises(ConfigError, match="class 'Normal' can have no slide: TCGA has normal tissue among the frozen"):
        Selection(CLASSES, PROJECTS, ("ffpe",))
    with pytest.raises(
        ConfigError, match=r"class 'SCLC' can have no slide: it is the class of none of select.projects"
    ):
        Selection(("LUAD", "SCLC"), PROJECTS, ("ffpe",))


def test_a_class_that_has_no_slide_after_all(serve, select):
    serve("TCGA-05-0001-01A-01-TS1.A1B2.svs")
    with pytest.raises(SelectionError, match="no slide of class LUSC, Normal"):
        select()
    assert not select.outputs.sheet.exists()


@pytest.mark.parametrize(
    ("name", "facts", "reason"),
    [
        ("TCGA-05-0009-20A-01-TS1.A.svs", {}, "sample type 20 is neither tumour (01-09) nor normal tissue (10-19)"),
        ("TCGA-05-0009-11A-01-TS1.A.svs", {"tissue_type": "Tumor"}, "sample type 11 means Normal, the GDC says Tumor"),
        ("TCGA-05-0009-01A-01-TS1.A.svs", {"tissue_type": "Normal"}, "sample type 01 means Tumor, the GDC says Normal"),
        ("C3L-00001-21.svs", {}, "its name holds no TCGA barcode of a sample"),
    ],
)
def test_what_has_no_sure_label_is_left_out_with_the_reason(cohort, serve, select, name, facts, reason):
    serve(name, **facts)
    slides, left_out = select()
    assert len(slides) == 4
    assert left_out == {name: reason}


def test_an_unknown_tissue_type_contradicts_nothing(cohort, serve, select):
    serve("TCGA-05-0009-01A-01-TS1.A.svs", tissue_type="Not Reported")
    assert len(select()[0]) == 5


def test_two_files_of_a_slide_get_names_of_their_own(cohort, serve, select):
    serve("TCGA-05-0001-01A-01-TS1.FFFF.svs")
    slides, _ = select()
    assert len(slides) == 5
    assert "TCGA-05-0001-01A-01-TS1" not in slides


def test_controlled_files_are_asked_for_only_with_a_token(cohort, serve, select):
    serve("TCGA-05-0009-01A-01-TS1.A.svs", access="controlled")
    assert len(select()[0]) == 4
    assert len(select(dataclasses.replace(FROZEN, controlled=True))[0]) == 5


def test_filters_of_the_config(cohort, select, gdc):
    select(
        dataclasses.replace(
            FROZEN, filters={"files.data_format": ["SVS"], "cases.submitter_id": ["TCGA-05-0001", "TCGA-18-0003"]}
        )
    )
    (question,) = gdc.requests
    assert {"op": "in", "content": {"field": "cases.submitter_id", "value": ["TCGA-05-0001", "TCGA-18-0003"]}} in (
        question.body["filters"]["content"]
    )
    assert len(read_sheet(select.outputs.sheet)) == 3


def test_pages_make_the_same_whole(cohort, select, gdc, monkeypatch):
    whole, _ = select()
    gdc.requests.clear()
    monkeypatch.setattr(query, "_PAGE", 1)
    assert select()[0] == whole
    assert [request.body["from"] for request in gdc.requests] == [0, 1, 2, 3]


@pytest.mark.parametrize("fault", ["error 500", "busy", "drop", "truncate", "no json"])
def test_questions_are_asked_again(cohort, select, gdc, fault):
    gdc.api_faults.extend([fault, fault])
    assert len(select()[0]) == 4
    gdc.api_faults.extend([fault] * 3)
    with pytest.raises(ServerUnavailableError, match="does not answer as it should"):
        select()


def test_a_list_that_changes_while_it_is_read(cohort, select, gdc, monkeypatch):
    page = query._page
    monkeypatch.setattr(query, "_page", lambda *a, **k: _one_more(page(*a, **k)))
    with pytest.raises(GdcError, match="listed 4 of 5 files"):
        select()


def _one_more(page):
    return page | {"pagination": {"total": 5}}


def write_manifest(tmp_path, gdc, lines=()):
    rows = [f"{file.file_id}\t{file.name}\t{file.md5}\t{file.size}\tlive" for file in gdc.files.values()]
    path = tmp_path / "mine.txt"
    path.write_text("\n".join(["id\tfilename\tmd5\tsize\tstate", *rows, *lines]))
    return path


def test_a_manifest_serves_as_well_and_asks_nobody(cohort, select, gdc, tmp_path):
    asked, _ = select()
    gdc.requests.clear()
    slides, left_out = select(manifest=write_manifest(tmp_path, gdc))
    assert slides == asked
    assert left_out == {"TCGA-05-0002-01Z-00-DX1.A1B2.svs": "ffpe sections are not in select.sections"}
    assert gdc.requests == []


def test_sites_that_only_the_gdc_knows(cohort, serve, select, gdc, tmp_path):
    serve("TCGA-ZZ-0001-01A-01-TS1.A1B2.svs", "TCGA-LUSC")
    serve("TCGA-ZY-0001-01A-01-TS1.A1B2.svs", "TCGA-BRCA")
    manifest = write_manifest(tmp_path, gdc)
    slides, left_out = select(manifest=manifest)
    assert slides["TCGA-ZZ-0001-01A-01-TS1"].label == "LUSC"
    assert left_out["TCGA-ZY-0001-01A-01-TS1.A1B2.svs"] == "it is of TCGA-BRCA, which is not in select.projects"
    gdc.api_faults.extend(["error 500"] * 3)
    slides, left_out = select(manifest=manifest)
    assert "TCGA-ZZ-0001-01A-01-TS1" not in slides
    assert left_out["TCGA-ZZ-0001-01A-01-TS1.A1B2.svs"] == "nobody says which project it is of (site ZZ)"


def test_only_slides_of_a_manifest_are_taken(cohort, serve, select, gdc, tmp_path):
    asked, _ = select()
    others = ["TCGA-05-0001-01A-01-TS1.A1B2.svs.annotations.txt", "TCGA-05-0002-02A-01-BS1.A1B2.tif"]
    for name in others:
        serve(name)
    slides, left_out = select(manifest=write_manifest(tmp_path, gdc))
    assert slides == asked
    assert {left_out[name] for name in others} == {"it is no slide: its name does not end in .svs"}


def test_an_open_quote_in_a_manifest_swallows_no_line(cohort, select, gdc, tmp_path):
    lines = [f'{UUID}\t"x.svs\t{"0" * 32}\t5\tlive', f'{UUID}\ty.svs\t"\t5\tlive']
    with pytest.raises(ManifestError) as caught:
        select(manifest=write_manifest(tmp_path, gdc, lines))
    assert [line.split(": ")[0].rpartition(" ")[2] for line in str(caught.value).splitlines()] == ["7", "8"]


UUID = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"{UUID}\t../../x.svs\t{'0' * 32}\t5\tlive", "expected a plain file name"),
        (f"{UUID}\t\t{'0' * 32}\t5\tlive", "expected a plain file name"),
        (f"{UUID}\t/x.svs\t{'0' * 32}\t5\tlive", "expected a plain file name"),
        (f"{UUID}\tx.svs\t{'0' * 32}\tmany\tlive", "size 'many': expected a number of bytes"),
        (f"{UUID}\tx.svs\tmd5\t5\tlive", "md5 'md5': expected 32 hexadecimal digits"),
        (f"x\tx.svs\t{'0' * 32}\t5\tlive", "file_id 'x': expected a UUID"),
    ],
)
def test_mistakes_in_a_manifest_are_told_with_their_lines(cohort, select, gdc, tmp_path, line, told):
    path = write_manifest(tmp_path, gdc, [line, line])
    with pytest.raises(ManifestError) as caught:
        select(manifest=path)
    first, second = str(caught.value).splitlines()
    assert told in first
    assert first.startswith(f"{path}, line 7: ")
    assert second.startswith(f"{path}, line 8: ")


def test_what_is_no_manifest(tmp_path, gdc):
    with pytest.raises(ManifestError, match="No such file"):
        read_manifest(tmp_path / "gone.txt")
    (tmp_path / "m.txt").write_text("a\tb\n1\t2\n")
    with pytest.raises(ManifestError, match="it has no column filename, id, md5, size"):
        read_manifest(tmp_path / "m.txt")


@pytest.mark.skipif(not REAL.exists(), reason="the real manifest is not beside the checkout, in shared/gdc")
def test_the_real_manifest(select, gdc):
    slides, left_out = select(manifest=REAL / "gdc_manifest_20170302_003611.txt")
    published = {
        name: label for label in CLASSES for name in (REAL / f"tcga-lung-{label.lower()}.txt").read_text().split()
    }
    assert {slide.filename: slide.label for slide in slides.values()} == published
    assert Counter(slide.label for slide in slides.values()) == {"LUAD": 823, "LUSC": 753, "Normal": 591}
    assert left_out == {}
    assert gdc.requests == []
