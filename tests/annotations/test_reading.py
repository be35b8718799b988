import json
import random

import pytest

from slidemill.annotations.place import AnnotatedSlide
from slidemill.annotations.reading import read_annotations
from slidemill.annotations.regions import AnnotationError, areas_by_name

from .conftest import SQUARE, asap

HOLE = [(1100, 2100), (1200, 2100), (1200, 2200), (1100, 2200)]


def read(tmp_path, slide, content, name="annotation"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_annotations(path, slide)


def areas(annotations):
    return {name: area.area for name, area in areas_by_name(annotations.regions).items()}


def feature(geometry, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [[*map(list, ring), list(ring[0])] for ring in rings]}


def test_asap(tmp_path, slide):
    text = asap(
        ("a", "Polygon", "Tumor", SQUARE),
        ("b", "Rectangle", "_2", HOLE),
        ("c", "Spline", "None", [(9, 9), (19, 9), (19, 19), (9, 19)]),
        ("d", "Dot", "None", [(5, 5)]),
        ("e", "PointSet", "None", [(5, 5), (6, 6), (7, 7)]),
        ("f", "Measurement", "None", [(5, 5), (6, 6)]),
    )
    found = read(tmp_path, slide, text)
    assert areas(found) == {"Tumor": 160_000, "_2": 10_000, "c": 100}
    assert found.passed_over == {"point": 4, "line": 1}
    assert not found.mends


def test_asap_coordinates_are_taken_in_their_order(tmp_path, slide):
    text = asap(("a", "Polygon", "Tumor", SQUARE))
    start, end = text.index("<Coordinate "), text.index("</Coordinates>")
    points = text[start:end].split("/>")[:-1]
    random.Random(1).shuffle(points)
    assert areas(read(tmp_path, slide, text[:start] + "/>".join([*points, ""]) + text[end:])) == {"Tumor": 160_000}


def test_asap_decimals_of_other_languages(tmp_path, slide):
    text = asap(("a", "Polygon", "Tumor", SQUARE)).replace('X="1000"', 'X="1000,0"')
    assert areas(read(tmp_path, slide, text)) == {"Tumor": 160_000}


@pytest.mark.parametrize(
    "classification",
    [{"name": "Tumor", "colorRGB": -3140401}, {"name": "Tumor", "color": [200, 0, 0]}, {"names": ["Tumor"]}, "Tumor"],
)
@pytest.mark.parametrize("wrap", [lambda f: {"type": "FeatureCollection", "features": [f]}, lambda f: [f], lambda f: f])
def test_qupath_of_any_version(tmp_path, slide, classification, wrap):
    text = json.dumps(wrap(feature(polygon(SQUARE, HOLE), classification=classification)))
    assert areas(read(tmp_path, slide, text)) == {"Tumor": 150_000}


def test_qupath_geometries(tmp_path, slide):
    far = [(x + 5000, y) for x, y in SQUARE]
    several = {
        "type": "MultiPolygon",
        "coordinates": [polygon(SQUARE, HOLE)["coordinates"], polygon(far)["coordinates"]],
    }
    features = [
        feature(several, classification={"name": "Tumor: Positive"}),
        feature({"type": "GeometryCollection", "geometries": [polygon(HOLE)]}, name="unclassified"),
        feature(polygon(HOLE), objectType="cell", classification={"name": "Cell"}),
        feature({"type": "Point", "coordinates": [1, 1]}),
        feature({"type": "MultiPoint", "coordinates": [[1, 1], [2, 2]]}),
        feature({"type": "LineString", "coordinates": [[1, 1], [2, 2]]}),
        {"type": "Feature", "geometry": None, "properties": None},
    ]
    found = read(tmp_path, slide, json.dumps({"type": "FeatureCollection", "features": features}))
    assert areas(found) == {"Tumor: Positive": 310_000, "unclassified": 10_000, "Cell": 10_000}
    assert found.passed_over == {"point": 3, "line": 1, "object": 1}
    assert any("3 point(s) without an area" in line for line in found.remarks())


def test_qupath_starts_at_the_slides_bounds(tmp_path):
    slide = AnnotatedSlide(40_000, 30_000, 0.25, origin=(300, 5000))
    found = read(tmp_path, slide, json.dumps(feature(polygon(SQUARE), name="Tumor")))
    assert found.regions[0].area.bounds == (1300, 7000, 1700, 7400)


def test_ncrf(tmp_path, slide):
    one, other = ({"name": "Annotation 0", "vertices": ring} for ring in (SQUARE, HOLE))
    assert areas(read(tmp_path, slide, json.dumps({"positive": [one], "negative": [other, other]}))) == {
        "positive": 160_000,
        "negative": 10_000,
    }


IMAGESCOPE = """<Annotations MicronsPerPixel="0.25"><Annotation Id="1" Name="Tumor"><Regions>
<Region Type="0" NegativeROA="0"><Vertices>{square}</Vertices></Region>
<Region Type="0" NegativeROA="1"><Vertices>{hole}</Vertices></Region>
<Region Type="2" NegativeROA="0"><Vertices><Vertex X="5000" Y="5000"/><Vertex X="5200" Y="5100"/></Vertices></Region>
<Region Type="4"><Vertices><Vertex X="1" Y="1"/><Vertex X="2" Y="2"/></Vertices></Region>
</Regions></Annotation><Annotation Id="2" Name="">
<Attributes><Attribute Name="Description" Value="Stroma"/></Attributes>
<Regions><Region Type="1"><Vertices><Vertex X="10" Y="10"/><Vertex X="20" Y="30"/></Vertices></Region></Regions>
</Annotation></Annotations>"""


def imagescope():
    vertices = ("".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in ring) for ring in (SQUARE, HOLE))
    square, hole = vertices
    return IMAGESCOPE.format(square=square, hole=hole)


def test_imagescope(tmp_path, slide):
    found = read(tmp_path, slide, imagescope())
    ellipse = 3.141592653589793 * 100 * 50
    assert areas(found)["Stroma"] == 200
    assert areas(found)["Tumor"] == pytest.approx(150_000 + ellipse, rel=1e-4)
    assert found.passed_over == {"line": 1}


def test_imagescope_of_a_slide_with_another_resolution(tmp_path):
    with pytest.raises(AnnotationError, match=r"drawn on a slide of 0.25 microns per pixel and this one has 0.5"):
        read(tmp_path, AnnotatedSlide(40_000, 30_000, 0.5), imagescope())


def test_an_outline_that_crosses_itself_is_mended_and_told(tmp_path, slide):
    # Two loops that share an edge which is drawn twice: all that either encloses is meant.
    eight = [(0, 0), (200, 200), (200, 0), (0, 200)]
    found = read(tmp_path, slide, asap(("a", "Polygon", "Tumor", eight)))
    assert areas(found) == {"Tumor": 20_000}
    [mend] = found.mends
    assert "Self-intersection[100 100]" in mend.reason
    assert mend.before == 0  # by the shoelace formula the two loops cancel
    assert mend.after == 20_000
    assert any("mended" in line for line in found.remarks())


def test_a_loop_that_overlaps_itself_is_no_hole(tmp_path, slide):
    twice_round = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0), (100, 0), (100, 100), (0, 100)]
    assert areas(read(tmp_path, slide, asap(("a", "Polygon", "Tumor", twice_round)))) == {"Tumor": 10_000}


def test_outlines_of_one_or_two_points_are_counted(tmp_path, slide):
    found = read(
        tmp_path, slide, asap(("a", "Polygon", "Tumor", [(1, 1)]), ("b", "Polygon", "Tumor", [(1, 1), (2, 2)]))
    )
    assert not found.regions
    assert found.passed_over == {"point": 1, "line": 1}


def nested_collections(depth):
    start = '{"type": "GeometryCollection", "geometries": ['
    return '{"type": "Feature", "properties": {}, "geometry": ' + start * depth + "]}" * depth + "}"


BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><ASAP_Annotations>&b;</ASAP_Annotations>'
FILE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><ASAP_Annotations>&a;</ASAP_Annotations>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB, "declares entities"),
        (FILE, "declares entities"),
        ("<ASAP_Annotations><Annotations>", "its XML is damaged"),
        ("<svg></svg>", "its XML begins with <svg>"),
        ("[" * 200_000, "nested too deeply|damaged"),
        ('{"positive": [', "its JSON is damaged"),
        ('{"shapes": []}', "its JSON is no annotation"),
        (asap(("a", "Polygon", "T", [("NaN", 1), (2, 2), (3, 1)])), "a vertex is no place on a slide"),
        (asap(("a", "Polygon", "T", [("1e400", 1), (2, 2), (3, 1)])), "a vertex is no place on a slide"),
        (asap(("a", "Polygon", "T", [("x", 1), (2, 2), (3, 1)])), "X of a Coordinate is 'x' and no number"),
        (json.dumps(feature(polygon([(1, 1), (float("nan"), 2), (3, 3)]))), "a vertex is no place on a slide"),
        (json.dumps(feature({"type": "Polygon", "coordinates": [[[1], [2], [3]]]})), "no pair of numbers"),
        (json.dumps(feature({"type": "Polygon", "coordinates": 7})), "no list of rings"),
        (json.dumps(feature({"type": "Solid", "coordinates": []})), "type 'Solid' is unknown"),
        (json.dumps(feature({"type": "MultiPoint", "coordinates": 7})), "the coordinates of a MultiPoint are no list"),
        (json.dumps(feature(polygon([(10**400, 1), (2, 2), (3, 3)]))), "no pair of numbers"),
        (nested_collections(50_000), "nested too deeply"),
        (json.dumps({"positive": [{"name": "a"}], "negative": []}), "has no vertices"),
        (json.dumps({"positive": [{"vertices": [[10**400, 1], [2, 2], [3, 1]]}], "negative": []}), "not a pair of"),
        (json.dumps({"positive": [{"vertices": [[1, 1], [2], [3, 1]]}], "negative": []}), "not a pair of numbers"),
        (json.dumps({"positive": [{"vertices": [["a", 1], [2, 1], [3, 1]]}], "negative": []}), "not a pair of numbers"),
        (b"\x00\x01\x02", "its format is unknown"),
        (b"\xff\xd8\xff\xe0 a JPEG", "its format is unknown"),
        ("slide,x,y", "its format is unknown"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(tmp_path, slide, content, reason):
    with pytest.raises(AnnotationError, match=reason) as told:
        read(tmp_path, slide, content)
    assert str(tmp_path / "annotation") in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there(tmp_path, slide):
    with pytest.raises(AnnotationError, match="there is no such file"):
        read_annotations(tmp_path / "none.xml", slide)
    with pytest.raises(AnnotationError, match="this is a folder"):
        read_annotations(tmp_path, slide)


@pytest.mark.slow
def test_a_million_vertices(tmp_path, slide):
    steps = 500_000
    teeth = [(1000 + n / 100, 1000 + n % 2) for n in range(steps)]
    back = [(1000 + n / 100, 2000 + n % 2) for n in reversed(range(steps))]
    [area] = areas(
        read(tmp_path, slide, json.dumps({"positive": [{"vertices": teeth + back}], "negative": []}))
    ).values()
    assert area == pytest.approx((steps - 1) / 100 * 1000, rel=1e-3)


def test_xml_nested_deeply(tmp_path, slide):
    depth = 50_000
    text = "<ASAP_Annotations>" + "<a>" * depth + "</a>" * depth + "</ASAP_Annotations>"
    assert not read(tmp_path, slide, text).regions
