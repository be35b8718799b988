import copy
from pathlib import Path

import pytest
import yaml

from slidemill.cohort import SheetError, read_sheet
from slidemill.cohort.validation import check_cells, check_config, check_labels, check_sources
from slidemill.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]
CONFIG_SCHEMA = REPOSITORY / "schemas" / "config.schema.yaml"
SLIDES_SCHEMA = REPOSITORY / "schemas" / "slides.schema.yaml"
CONFIG = yaml.safe_load((REPOSITORY / "config.yaml").read_text())


def config_problems(**changes):
    config = copy.deepcopy(CONFIG)
    for path, value in changes.items():
        *parents, key = path.split("__")
        section = config
        for parent in parents:
            section = section[parent]
        if value is None:
            del section[key]
        else:
            section[key] = value
    with pytest.raises(ConfigError) as caught:
        check_config(config, CONFIG_SCHEMA)
    return str(caught.value).splitlines()


def test_the_default_config_is_right():
    check_config(CONFIG, CONFIG_SCHEMA)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tiling__mmp": 0.5}, "config: tiling.mmp is unknown. Did you mean 'mpp'?"),
        ({"zzz": 1}, "config: zzz is unknown. Known are: slides, classes, select, seed, model, ranks, "),
        ({"tiling__mpp": None}, "config: tiling.mpp is missing. Add it."),
        ({"tiling__mpp": "half"}, "config: tiling.mpp: 'half' is not of type 'number'. It is: microns per pixel"),
        ({"tiling__max_background": 1.5}, "config: tiling.max_background: 1.5 is greater than"),
        ({"classes": ["A"]}, "config: classes: ['A'] is too short. It is: names of the classes, at least two"),
        ({"shards__balance": "fair"}, "config: shards.balance: 'fair' is not one of ['none', 'undersample', "),
        ({"split__test": 0.4}, "config: split: the fractions add up to 1.1. Make them add up to 1."),
        ({"acquire__token_file": ""}, "config: acquire.token_file: '' should be non-empty"),
        ({"seed": -1}, "config: seed: -1 is less than the minimum of 0"),
    ],
)
def test_a_mistake_in_the_config_is_one_line(changes, told):
    (line,) = config_problems(**changes)
    assert line.startswith(told)


def test_all_mistakes_in_the_config_are_told_at_once():
    assert len(config_problems(seed=-1, tiling__mpp="x", split__trian=0.1)) == 3


def test_float_dust_in_the_fractions_is_no_mistake():
    check_config(CONFIG | {"split": CONFIG["split"] | {"train": 0.7, "validation": 0.2, "test": 0.1}}, CONFIG_SCHEMA)


def test_every_key_of_the_config_is_told_in_the_schema():
    schema = yaml.safe_load(CONFIG_SCHEMA.read_text())

    def keys(node):
        properties = node.get("properties", {})
        for name, child in properties.items():
            assert child.get("description"), name
            yield name, child
            yield from keys(child)

    assert {name for name, _ in keys(schema)} >= {"mpp", "train", "balance", "epochs", "slides", "per_node"}


def write(folder, text):
    path = folder / "slides.tsv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("slide_id\tpatient_id\tmmp\na\tP\t0.5\n", "line 2: mmp is unknown. Did you mean 'mpp'?"),
        ("slide_id\tpatient_id\n../a\tP\n", "line 2: slide_id: '../a' does not match"),
        ("slide_id\tpatient_id\n/a\tP\n", "line 2: slide_id: '/a' does not match"),
        ("slide_id\tpatient_id\tmpp\na\tP\t0,5\n", "line 2: mpp: '0,5' does not match"),
        ("slide_id\tpatient_id\tsplit\na\tP\tTrain\n", "line 2: split: 'Train' is not one of ['train',"),
        ("slide_id\tpatient_id\na\tP\tx\n", "line 2: (more cells than columns) is unknown"),
        ("patient_id\nP\n", "line 2: slide_id is missing. Add it."),
    ],
)
def test_a_mistake_in_a_row_is_one_line(tmp_path, cells, told):
    with pytest.raises(SheetError) as caught:
        check_cells(write(tmp_path, cells), SLIDES_SCHEMA)
    (line,) = str(caught.value).splitlines()
    assert told in line


def test_the_demo_sheet_is_right():
    sheet = REPOSITORY / "cohorts" / "demo.tsv"
    check_cells(sheet, SLIDES_SCHEMA)
    slides = read_sheet(sheet)
    check_sources(sheet, slides)
    check_labels(sheet, slides, CONFIG["classes"])


def test_a_slide_needs_one_source_that_exists(tmp_path):
    (tmp_path / "there.svs").touch()
    uuid = "12345678-1234-1234-1234-123456789012"
    text = "slide_id\tpatient_id\tpath\tfile_id\tsynthetic\tfilename\tmd5\tsize\n"
    rows = [
        f"a\tP\t{tmp_path}/there.svs",
        f"b\tP\t{tmp_path}/gone.svs",
        "c\tP",
        f"d\tP\tthere.svs\t{uuid}",
        f"e\tP\t\t{uuid}\t\te.svs\t{'0' * 32}\t7",
        f"f\tP\t\t{uuid}\t\tf.svs\t\t7",
    ]
    sheet = write(tmp_path, text + "\n".join(rows))
    with pytest.raises(SheetError) as caught:
        check_sources(sheet, read_sheet(sheet))
    lines = str(caught.value).splitlines()
    assert [line.split(":")[1].strip()[:9] for line in lines] == ["slide 'b'", "slide 'c'", "slide 'd'", "slide 'f'"]
    assert "there is no file" in lines[0]
    assert "Say where its file is" in lines[1]
    assert "has path and file_id. Keep one of them." in lines[2]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["LUAD", "LUSC", ""], "slide 's2' has no label. Write one of LUAD, LUSC in its 'label' column."),
        (["LUAD", "LUSC", "lusc"], "slide 's2' has label 'lusc', which is none of the config's classes (LUAD, LUSC)"),
        (["LUAD", "LUAD"], "no slide of class 'LUSC'. Add slides of this class, or take it out"),
    ],
)
def test_labels(tmp_path, labels, told):
    rows = "".join(f"s{i}\tP{i}\t{label}\n" for i, label in enumerate(labels))
    sheet = write(tmp_path, "slide_id\tpatient_id\tlabel\n" + rows)
    with pytest.raises(SheetError) as caught:
        check_labels(sheet, read_sheet(sheet), ["LUAD", "LUSC"])
    (line,) = str(caught.value).splitlines()
    assert told in line


def test_slides_to_draw_and_slides_to_download_do_not_mix(tmp_path):
    text = "slide_id\tpatient_id\tfile_id\tfilename\tmd5\tsize\tsynthetic\n"
    rows = [f"a\tP\t12345678-1234-1234-1234-123456789012\ta.svs\t{'0' * 32}\t7\t", "b\tP\t\t\t\t\tglands"]
    sheet = write(tmp_path, text + "\n".join(rows))
    with pytest.raises(SheetError, match=r"slide 'a' is to be downloaded, but the sheet has slides to draw"):
        check_sources(sheet, read_sheet(sheet))
