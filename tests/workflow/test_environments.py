"""The conda environments hold the versions that uv.lock holds."""

import functools
import re
import tomllib
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
NOT_ON_PYPI = {"gdc-client"}
ENVIRONMENTS = sorted((REPOSITORY / "envs").glob("*.yaml"))


@functools.cache
def locked(lock="uv.lock"):
    versions = {}
    for package in tomllib.loads((REPOSITORY / lock).read_text())["package"]:
        versions.setdefault(package["name"], set()).add(package.get("version"))
    return versions


def pinned(dependencies):
    """Versions by name: of conda's packages, and of what conda lets pip install because it has none."""
    from_pip = next((entry["pip"] for entry in dependencies if isinstance(entry, dict)), [])
    from_conda = [entry for entry in dependencies if isinstance(entry, str) and entry != "pip"]
    assert bool(from_pip) == ("pip" in dependencies)
    return dict(pin.replace("==", "=").split("=") for pin in [*from_conda, *from_pip])


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda file: file.stem)
def test_pins_are_those_of_the_lock(file):
    pins = pinned(yaml.safe_load(file.read_text())["dependencies"])
    assert pins.pop("python") in ("3.11", "3.12", "3.13")
    assert pins
    for name, version in pins.items():
        if name in NOT_ON_PYPI:
            continue
        assert version in locked()[name], f"{file.name}: {name}={version}, uv.lock has {sorted(locked()[name])}"


def test_every_rule_with_a_program_names_an_environment_that_exists():
    used = set()
    for rules in (REPOSITORY / "rules").glob("*.smk"):
        text = rules.read_text()
        used |= set(re.findall(r'conda:\s+"\.\./envs/([\w-]+\.yaml)"', text))
        assert text.count("shell:") == text.count("conda:")
    assert used == {file.name for file in ENVIRONMENTS}


def test_the_environment_of_encoders_has_the_same_versions_and_no_tensorflow():
    own = locked("envs/encoders/uv.lock")
    assert not {"tensorflow", "tensorflow-cpu", "keras", "horovod"} & set(own)
    named = ("click", "numpy", "imagecodecs", "openslide-python", "protobuf", "simplejpeg", "zarr", "pillow")
    assert all(own[name] == locked()[name] for name in named)


def test_the_environment_for_gpus_differs_in_tensorflow_and_cuda_only():
    gpu = locked("envs/gpu/uv.lock")
    others = {name for name in gpu if name not in locked()}
    assert {name for name in others if not name.startswith("nvidia-")} == {"slidemill-gpu", "tensorflow"}
    assert "tensorflow-cpu" not in gpu
    assert {name: versions for name, versions in gpu.items() if name not in others and versions != locked()[name]} == {}


@pytest.mark.parametrize("lock", ["uv.lock", "envs/gpu/uv.lock"])
def test_a_lock_holds_what_the_project_asks_for(lock):
    """Else `make env` refuses it, with GPU=1 for the second one."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    packages = tomllib.loads((REPOSITORY / lock).read_text())["package"]
    (held,) = [package["metadata"] for package in packages if package["name"] == "slidemill"]
    names = {entry["name"] for entry in [*held["requires-dist"], *held["requires-dev"]["dev"]]}
    assert names == {re.match(r"[\w.-]+", one)[0] for one in asked}
