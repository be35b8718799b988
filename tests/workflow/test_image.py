"""What goes into images, and where caches are: read from the recipes, as Docker and Apptainer read them."""

import os
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import pytest
from docker.utils.build import exclude_paths

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = (REPOSITORY / "envs" / "Dockerfile").read_text()
DEFINITION = (REPOSITORY / "envs" / "slidemill.def").read_text()

# What may lie in a checkout and must not leave it.
PRIVATE = [
    "gdc-token.txt",
    "cohorts/gdc-token.txt",
    "cohorts/my_patients.tsv",
    "data/S-001.svs",
    "docs/captions/token",
    "envs/token.txt",
    "logs/train.log",
    "my_config.yaml",
    "my_slides.tsv",
    "profiles/slurm/token.txt",
    "profiles/slurm/bin/token",
    "results/slides/S-001.svs",
    "rules/token.txt",
    "schemas/token.json",
    "scripts/token.txt",
    "scripts/.env",
    "src/slidemill/S-001.svs",
    "src/slidemill/cohort/gdc/token.txt",
    "src/token",
    "src/slidemill/__pycache__/seeds.cpython-311.pyc",
    "tools/horovod-buildfix/token",
    ".aws/credentials",
    ".cache/uv/wheels/x.whl",
    ".env",
    ".git/config",
    ".snakemake/log",
    ".uv/bin/uv",
    ".venv/bin/python",
    "tests/gdc-token.txt",
]
NEEDED = re.compile(
    r"Snakefile|config\.yaml|LICENSE|pyproject\.toml|uv\.lock|(rules|schemas|scripts|src)/(?!.*README).*|cohorts/[^/]+"
    r"|docs/captions/.*|envs/([^/]+\.yaml|entrypoint\.sh)|profiles/.*|tools/horovod-buildfix/.*"
)
LINKS = {"sagemaker", "slurm"}  # to profiles; Apptainer's recipe leaves them to the checkout


@pytest.fixture(scope="module")
def tracked():
    return subprocess.check_output(["git", "ls-files"], cwd=REPOSITORY, text=True).splitlines()


@pytest.fixture(scope="module")
def needed(tracked):
    return {name for name in tracked if NEEDED.fullmatch(name)}


@pytest.fixture(scope="module")
def checkout(tracked, tmp_path_factory):
    """Empty files with the names of the repository's, and what may lie between them."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in [*tracked, *PRIVATE]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def files_of(folder, names):
    return {name for name in names if (folder / name).is_file()}


def test_docker_gets_what_jobs_need_and_nothing_else(checkout, needed):
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    sent = files_of(checkout, exclude_paths(str(checkout), patterns)) - {".dockerignore"}  # which it sends to itself
    assert after_the_removal(sent, DOCKERFILE) == needed | LINKS


def after_the_removal(names, recipe):
    """What the recipe keeps of src."""
    (command,) = re.findall(r"find src -type f (.*) -delete", recipe)
    kinds = re.findall(r"! -name '?([^' ]+)", command)
    return {
        name
        for name in names
        if not name.startswith("src/") or any(fnmatchcase(PurePosixPath(name).name, kind) for kind in kinds)
    }


def section(name):
    return re.search(rf"^%{name}\n(.*?)(?=^%|\Z)", DEFINITION, re.M | re.S)[1]


def test_apptainer_gets_the_same(checkout, needed):
    copied = set()
    for line in section("files").splitlines():
        if not line.strip() or line.strip().startswith("#"):
            continue
        source, target = line.split()
        found = sorted(checkout.glob(source))
        assert found, f"{source} is not there"
        for path in found:
            files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
            for file in files:
                place = PurePosixPath(target) / file.relative_to(path.parent)
                copied.add(str(place.relative_to("/opt/slidemill")))
    assert after_the_removal(copied, section("post")) == needed


def test_the_environment_is_built_from_the_lock_alone_and_below_the_sources():
    stages = DOCKERFILE.split("\nFROM ")
    environment, sources, last = stages[-3:]
    assert re.findall(r"^COPY (?!--from)(.*) \S+$", environment, re.M) == [
        "pyproject.toml uv.lock",
        "tools/horovod-buildfix",
    ]
    assert "--no-dev" in environment
    assert "uv sync" not in sources + last
    assert last.index("COPY --from=environment") < last.index("COPY --from=sources")
    assert "/opt/uv" not in last


def test_versions_are_said_once():
    (version,) = re.findall(r"^UV_VERSION := (\S+)$", (REPOSITORY / "Makefile").read_text(), re.M)
    assert re.findall(r"UV_VERSION=(\S+)", DOCKERFILE) == [version]
    assert re.findall(r"uv==(\S+)", DEFINITION) == [version]
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) + re.findall(r"^From: (\S+)", DEFINITION, re.M)
    assert len(set(bases)) == 1


@pytest.mark.parametrize("recipe", [DOCKERFILE, DEFINITION], ids=["Docker", "Apptainer"])
def test_any_user_can_read_it_and_write_a_cache(recipe):
    assert "chmod -R a+rX" in recipe
    assert "XDG_CACHE_HOME=" in recipe


def test_apptainers_cache_is_where_one_may_write(tmp_path):
    script = section("environment") + '\necho "${XDG_CACHE_HOME:-as it was}"'

    def cache(**environment):
        told = subprocess.check_output(["sh", "-c", script], env={"PATH": os.environ["PATH"]} | environment, text=True)
        return told.strip()

    assert cache(HOME=str(tmp_path)) == "as it was"
    assert cache(HOME="/", XDG_CACHE_HOME=str(tmp_path)) == str(tmp_path)
    assert cache(HOME="/proc/none", TMPDIR=str(tmp_path)) == f"{tmp_path}/slidemill-cache-{os.getuid()}"


def test_make_keeps_caches_in_the_folder_where_the_home_cannot_be_written(tmp_path):
    def cache(**environment):
        without = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME")}
        rules = subprocess.check_output(
            ["make", "--print-data-base", "--dry-run", "help"], cwd=REPOSITORY, env=without | environment, text=True
        )
        found = re.findall(r"^(?:export )?XDG_CACHE_HOME :?= (.*)$", rules, re.M)
        return found[0] if found else None

    in_the_folder = f"{REPOSITORY}/.cache"
    assert cache(HOME=str(tmp_path)) is None
    assert (tmp_path / ".cache").is_dir()
    assert cache() == in_the_folder
    assert cache(HOME="/proc") == in_the_folder  # where root may not write either
    assert cache(HOME="/proc", XDG_CACHE_HOME=str(tmp_path)) == str(tmp_path)
