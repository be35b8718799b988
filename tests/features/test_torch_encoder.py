"""Encoders of PyTorch on CPUs, with random weights."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not in this environment: make env ENCODERS=torch")
timm = pytest.importorskip("timm")

from slidemill.features.encoder import DeviceError, EncoderFileError, EncoderSetup  # noqa: E402
from slidemill.features.load import load_encoder  # noqa: E402
from slidemill.features.spec import EncoderSpec, known_encoders  # noqa: E402
from slidemill.features.torch_network import load_network  # noqa: E402

from .conftest import HALF, INPUT_SIZE, TILE_SIZE, contents, features_in  # noqa: E402

# TorchScript works; torch advises against it by one class of warnings or another.
pytestmark = [pytest.mark.filterwarnings(f"ignore:`torch.jit:{kind}Warning") for kind in ("Deprecation", "Future")]

TILES = np.random.default_rng(5).integers(0, 256, (4, TILE_SIZE, TILE_SIZE, 3), dtype=np.uint8)
SMALL = {"img_size": INPUT_SIZE, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2}


def vit(folder, *, suffix=".bin", name="vit", pooling="class", **arguments):
    """A small vision transformer with random weights in a file."""
    arguments = SMALL | arguments
    torch.manual_seed(1)
    network = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0, **arguments)
    file = folder / f"{name}{suffix}"
    if suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(network.state_dict(), file)
    else:
        torch.save(network.state_dict(), file)
    spec = EncoderSpec(
        name=name,
        kind="torch",
        input_size=INPUT_SIZE,
        normalisation=HALF,
        file=file,
        pooling=pooling,
        architecture="vit_tiny_patch16_224",
        arguments=arguments,
    )
    return spec, network.eval()


def encoded(spec, tiles=TILES, **setup):
    encoder = load_encoder(spec, EncoderSetup(tiles.shape[1], batch_size=len(tiles), **setup))
    return encoder.submit(tiles)()


def prepared(pixels):
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_the_features_are_those_of_the_network(tmp_path, suffix):
    spec, network = vit(tmp_path, suffix=suffix)
    with torch.inference_mode():
        expected = network(prepared(TILES[:, 16:48, 16:48])).numpy()
    np.testing.assert_allclose(encoded(replace(spec, fit="crop")), expected, rtol=1e-4, atol=1e-5)


def test_class_token_and_mean_of_patches(tmp_path):
    spec, network = vit(tmp_path, pooling="class+mean", global_pool="", reg_tokens=2)
    with torch.inference_mode():
        tokens = network(prepared(TILES[:, 16:48, 16:48]))
        expected = torch.cat([tokens[:, 0], tokens[:, 3:].mean(1)], 1).numpy()
    found = encoded(replace(spec, fit="crop", prefix_tokens=3, dimension=48))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_whole_network_as_torchscript(tmp_path):
    torch.manual_seed(2)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 7, stride=3), torch.nn.ReLU())
    script = tmp_path / "whole.ts"
    torch.jit.trace(network, torch.zeros(1, 3, INPUT_SIZE, INPUT_SIZE)).save(script)
    spec = EncoderSpec(name="whole", kind="torch", input_size=INPUT_SIZE, normalisation=HALF, file=script, fit="crop")
    with torch.inference_mode():
        expected = network(prepared(TILES[:, 16:48, 16:48])).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(encoded(spec), expected, rtol=1e-4, atol=1e-5)


def test_slides_to_features(cohort, tmp_path):
    spec, _ = vit(tmp_path)
    cohort.extract(spec, to=tmp_path / "one", setup=EncoderSetup(0, batch_size=3))
    cohort.extract(spec, to=tmp_path / "two", setup=EncoderSetup(0, batch_size=3, threads=3))
    features = features_in(tmp_path / "one", spec, "A")
    assert features.features.shape == (cohort.store("A").summary.tile_count, 24)
    expected = [encoded(spec, tile[None]) for tile in cohort.tiles_by_openslide("A")]
    np.testing.assert_array_equal(features.features, np.concatenate(expected).astype(np.float16))
    assert features.summary.precision == "float32"
    assert set(features.summary.versions) == {"slidemill", "torch", "timm"}
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_half_precision_is_stated_and_near(tmp_path):
    spec, _ = vit(tmp_path)
    encoder = load_encoder(spec, EncoderSetup(TILE_SIZE, batch_size=4, precision="bfloat16"))
    assert encoder.facts.precision == "bfloat16"
    np.testing.assert_allclose(encoder.submit(TILES)(), encoded(spec), atol=0.1)


def test_full_memory_makes_smaller_batches(tmp_path, monkeypatch, caplog):
    spec, _ = vit(tmp_path)
    encoder = load_encoder(spec, EncoderSetup(TILE_SIZE, batch_size=4))
    network = encoder._network

    def small_device(images):
        if len(images) > 1:
            raise torch.cuda.OutOfMemoryError
        return network(images)

    monkeypatch.setattr(encoder, "_network", small_device)
    np.testing.assert_allclose(encoder.submit(TILES)(), encoded(spec), rtol=1e-4, atol=1e-5)
    encoder.submit(TILES)()
    assert [record.args for record in caplog.records] == [(2,), (1,)]


def test_weights_have_to_fit_to_the_last_key(tmp_path):
    spec, network = vit(tmp_path)
    state = network.state_dict()
    for name, change in {"missing": {"norm.bias"}, "more": set()}.items():
        own = {key: value for key, value in state.items() if key not in change}
        if name == "more":
            own["unheard.of"] = torch.zeros(1)
        torch.save(own, tmp_path / f"{name}.bin")
        with pytest.raises(
            EncoderFileError, match=r"not the weights of vit_tiny_patch16_224: .*(norm.bias|unheard.of)"
        ):
            encoded(replace(spec, file=tmp_path / f"{name}.bin"))


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_files_that_are_damaged_or_run_something_are_refused(tmp_path, suffix):
    spec, _ = vit(tmp_path, suffix=suffix)
    short = tmp_path / f"short{suffix}"
    short.write_bytes(spec.file.read_bytes()[:-200])
    with pytest.raises(EncoderFileError, match="not weights that can be read"):
        encoded(replace(spec, file=short))


def test_a_pickle_that_runs_something_is_refused(tmp_path):
    spec, network = vit(tmp_path)
    torch.save(network, tmp_path / "network.bin")
    with pytest.raises(EncoderFileError, match="not weights that can be read"):
        encoded(replace(spec, file=tmp_path / "network.bin"))
    with pytest.raises(EncoderFileError, match="not a TorchScript file"):
        encoded(replace(spec, architecture=None))


def test_a_gpu_that_is_not_there_is_told(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    spec, _ = vit(tmp_path)
    with pytest.raises(DeviceError, match="torch finds no GPU"):
        encoded(spec, device="cuda")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, spec in known_encoders().items() if spec.architecture and spec.kind == "torch"]
)
def test_the_table_gives_networks_of_its_dimensions(name, monkeypatch):
    """Built without memory: parameters as timm makes them, and what comes out of them."""
    spec = known_encoders()[name]
    with torch.device("meta"):
        monkeypatch.setattr("slidemill.features.torch_network._weights", lambda _: {})
        monkeypatch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)
        network = load_network(spec)
        features = network(torch.zeros(2, 3, spec.input_size, spec.input_size))
    assert features.shape == (2, spec.dimension)
