"""Real files of annotations; areas against the shoelace formula."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from slidemill.annotations.place import AnnotatedSlide
from slidemill.annotations.reading import read_annotations
from slidemill.annotations.regions import areas_by_name

SLIDE = AnnotatedSlide(220_000, 220_000, 0.25)


def shoelace(vertices):
    x, y = (np.asarray(vertices, float) - vertices[0]).T
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def test_every_ncrf_file(shared):
    for path in sorted((shared / "ncrf").glob("*.json")):
        found = read_annotations(path, SLIDE)
        content = json.loads(path.read_text())
        drawn = [one["vertices"] for name in ("positive", "negative") for one in content[name]]
        regions = len(found.regions) + sum(found.passed_over.values())
        assert regions + sum(mend.after == 0 for mend in found.mends) == len(drawn)
        expected = sum(shoelace(vertices) for vertices in drawn)
        # Outlines that cross themselves enclose less by the formula than by eye.
        slack = sum(abs(mend.after - mend.before) for mend in found.mends)
        assert sum(region.area.area for region in found.regions) == pytest.approx(expected, abs=slack + 1, rel=1e-9)


def test_every_asap_file(shared):
    for path in [*sorted((shared / "asap").glob("*.xml")), shared / "patient_004_node_4.xml"]:
        found = read_annotations(path, SLIDE)
        drawn = [
            [(float(point.get("X")), float(point.get("Y"))) for point in element.iter("Coordinate")]
            for element in ElementTree.parse(path).getroot().iter("Annotation")
        ]
        slack = sum(abs(mend.after - mend.before) for mend in found.mends)
        expected = sum(map(shoelace, drawn))
        assert sum(region.area.area for region in found.regions) == pytest.approx(expected, abs=slack + 1, rel=1e-9)


def test_asap_of_camelyon16_and_ncrf_agree(shared):
    for number in ("001", "009", "015", "034", "058"):
        asap = areas_by_name(read_annotations(shared / f"asap/tumor_{number}.xml", SLIDE).regions)
        ncrf = areas_by_name(read_annotations(shared / f"ncrf/Tumor_{number}.json", SLIDE).regions)
        assert asap["Tumor"].symmetric_difference(ncrf["positive"]).area == 0


def test_every_qupath_file(shared):
    found = {path.stem: read_annotations(path, SLIDE) for path in sorted((shared / "qupath").glob("*.json"))}
    kinds = {name: dict(annotations.passed_over) for name, annotations in found.items() if not annotations.regions}
    assert kinds == {
        "qupath-line": {"line": 1},
        "qupath-multipoint": {"point": 3},
        "qupath-point": {"point": 1},
        "qupath-polyline": {"line": 1},
    }
    assert found["qupath-polygon-cell-classified"].names == ["Cell", "Nucleus"]
    assert len(found["qupath-polygon-cell-classified"].regions) == 4
    assert found["qupath-rectangle"].regions[0].area.area == 210 * 176


def rings_of(content):
    """The polygons of a GeoJSON text: of each its outer ring and its holes."""
    for feature in content if isinstance(content, list) else content.get("features", [content]):
        geometry = feature["geometry"]
        if geometry["type"] in ("Polygon", "MultiPolygon"):
            yield from [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]


def test_areas_of_every_qupath_file(shared):
    with_regions = 0
    for path in sorted((shared / "qupath").glob("*.json")):
        found = read_annotations(path, SLIDE)
        drawn = [
            shoelace(outer) - sum(map(shoelace, holes)) for outer, *holes in rings_of(json.loads(path.read_text()))
        ]
        slack = sum(abs(mend.after - mend.before) for mend in found.mends)
        assert sum(region.area.area for region in found.regions) == pytest.approx(
            sum(drawn), abs=slack + 1e-6, rel=1e-9
        )
        with_regions += bool(drawn)
    assert with_regions == 6


def test_what_asap_draws_without_an_area_is_counted(shared):
    found = {name: read_annotations(shared / f"asap-{name}.xml", SLIDE) for name in ("dot", "pointset", "polygon")}
    assert {name: len(annotations.regions) for name, annotations in found.items()} == {
        "dot": 0,
        "pointset": 0,
        "polygon": 1,
    }
    assert found["dot"].passed_over == {"point": 1}
    assert found["pointset"].passed_over["point"] > 1
    assert any("without an area" in line for line in found["pointset"].remarks())
