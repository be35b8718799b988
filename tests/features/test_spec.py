import re
import runpy
from pathlib import Path

import pytest

from slidemill.features.spec import EncoderError, check_encoder, check_together, find_encoder, known_encoders

OWN = {
    "kind": "onnx",
    "file": "own.onnx",
    "input_size": 224,
    "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
}


def test_a_misspelt_name_gets_the_close_ones_and_all():
    with pytest.raises(EncoderError, match=r"'uni_v3' is not known. Did you mean uni_v") as error:
        find_encoder("uni_v3", {"own": OWN})
    assert all(name in str(error.value) for name in [*known_encoders(), "own"])


def test_an_entry_completes_the_table():
    completed = find_encoder("uni_v1", {"uni_v1": {"file": "weights.bin"}})
    known = known_encoders()["uni_v1"]
    assert str(completed.file) == "weights.bin"
    assert (completed.dimension, completed.tile_size, completed.normalisation) == (1024, 256, known.normalisation)
    assert completed.terms.startswith(
        "uni_v1: CC-BY-NC-ND-4.0 (access has to be asked for, no commercial use): https://"
    )
    assert known_encoders()["efficientnet_lite0"].terms == ""


def test_an_own_encoder_has_to_say_enough():
    assert find_encoder("own", {"own": OWN}).input_size == 224
    with pytest.raises(EncoderError, match=r"features.encoders.own has no file, normalisation. Say what it is"):
        find_encoder("own", {"own": {"kind": "onnx", "input_size": 224}})


def test_weights_have_to_be_there(tmp_path):
    spec = find_encoder("virchow", {})
    with pytest.raises(EncoderError, match=re.escape("(https://huggingface.co/paige-ai/Virchow) do not come with")):
        check_encoder(spec, tile_size=224, mpp=0.5)
    gone = find_encoder("virchow", {"virchow": {"file": str(tmp_path / "gone")}})
    with pytest.raises(EncoderError, match=r"features.encoders.virchow.file: there is no file"):
        check_encoder(gone, tile_size=224, mpp=0.5)


def test_a_crop_needs_pixels(tmp_path):
    (tmp_path / "own.onnx").touch()
    spec = find_encoder("own", {"own": OWN | {"fit": "crop", "file": str(tmp_path / "own.onnx")}})
    check_encoder(spec, tile_size=224, mpp=3.0)
    with pytest.raises(EncoderError, match=r"crops 224 pixels of each tile, and tiling.tile_size is 128"):
        check_encoder(spec, tile_size=128, mpp=3.0)


def test_the_docs_show_the_table():
    repository = Path(__file__).parents[2]
    tool = runpy.run_path(str(repository / "tools" / "encoder_table.py"))
    page = (repository / "docs" / "features.md").read_text()
    assert tool["page_with_tables"](page) == page, "run tools/encoder_table.py --write"
    assert all(name in page for name in known_encoders())


def test_encoders_of_torch_run_alone():
    torch, onnx = known_encoders()["uni_v1"], known_encoders()["efficientnet_lite0"]
    check_together([onnx, known_encoders()["InceptionV3"]])
    check_together([torch, known_encoders()["virchow"]])
    with pytest.raises(EncoderError, match=r"names uni_v1 \(torch\), efficientnet_lite0 \(onnx\), and those of torch"):
        check_together([torch, onnx])


def test_an_onnx_network_computes_as_its_file_says():
    check_together([known_encoders()["efficientnet_lite0"]], "float32")
    check_together([known_encoders()["InceptionV3"]], "bfloat16")
    with pytest.raises(
        EncoderError, match=r"features.precision is bfloat16, and the encoder efficientnet_lite0 is an ONNX"
    ):
        check_together([known_encoders()["efficientnet_lite0"]], "bfloat16")


def test_the_table_is_complete():
    for spec in known_encoders().values():
        assert spec.dimension
        assert spec.licence
        assert spec.page.startswith("https://")
        assert (spec.tile_size is None) == (spec.mpp is None)
        assert spec.checked
        assert spec.kind != "keras" or spec.architecture == spec.name
