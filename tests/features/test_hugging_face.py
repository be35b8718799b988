import re

import pytest
from huggingface_hub import constants

from slidemill.features.hugging_face import NotCachedError, cached_file
from slidemill.features.spec import EncoderError, check_encoder, find_encoder

ADDRESS = "hf://MahmoodLab/UNI/pytorch_model.bin"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """What `hf download MahmoodLab/UNI pytorch_model.bin` leaves: the file by its content, linked from a commit."""
    repository = tmp_path / "hub" / "models--MahmoodLab--UNI"
    blob, commit = repository / "blobs" / "ab12", repository / "snapshots" / ("c" * 40)
    for folder in (blob.parent, commit, repository / "refs"):
        folder.mkdir(parents=True)
    blob.write_bytes(b"weights")
    (commit / "pytorch_model.bin").symlink_to(blob)
    (repository / "refs" / "main").write_text(commit.name)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return commit


@pytest.mark.parametrize("revision", ["", "@main", "@" + "c" * 40])
def test_what_was_downloaded_is_found(cache, revision):
    address = ADDRESS.replace("UNI/", f"UNI{revision}/")
    assert cached_file(address).read_bytes() == b"weights"
    spec = find_encoder("uni_v1", {"uni_v1": {"file": address}})
    assert spec.file == cache / "pytorch_model.bin"
    check_encoder(spec, tile_size=256, mpp=0.5)


def test_what_is_not_there_is_told_with_the_command_that_brings_it(cache):
    expected = f"not in {constants.HF_HUB_CACHE}. Download it once: hf download MahmoodLab/UNI2-h model.safetensors"
    with pytest.raises(NotCachedError, match=re.escape(expected) + "$"):
        cached_file("hf://MahmoodLab/UNI2-h/model.safetensors")
    with pytest.raises(NotCachedError, match=r"pytorch_model\.bin --revision v2$"):
        cached_file("hf://MahmoodLab/UNI@v2/pytorch_model.bin")


def test_the_key_of_the_config_is_named(cache):
    with pytest.raises(EncoderError, match=r"^config: features.encoders.uni_v2.file: hf://"):
        find_encoder("uni_v2", {"uni_v2": {"file": "hf://MahmoodLab/UNI2-h/pytorch_model.bin"}})


@pytest.mark.parametrize(
    "address", ["hf://", "hf://UNI/pytorch_model.bin", "hf://MahmoodLab/UNI", "hf://a/b/../../../etc/passwd"]
)
def test_other_addresses_are_refused_and_leave_the_cache_alone(cache, address):
    with pytest.raises(NotCachedError, match=re.escape(address)):
        cached_file(address)
