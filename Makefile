# `make` lists the targets. Everything that is needed is installed into .uv and .venv, in this folder; uv keeps what it has
# downloaded and built in its cache (README).

.DEFAULT_GOAL := help
.PHONY: help env demo demo-probe view test test-fast test-torch sagemaker-local check format clean

UV_VERSION := 0.13.8
# GPU=1 sets up the environment of a machine with GPUs (docs/slurm.md), which then stays; GPU=0 the other one again.
GPU ?= $(if $(wildcard .venv/.complete-gpu),1,0)
PROJECT := $(if $(filter 1,$(GPU)),envs/gpu,.)
ENVIRONMENT := .venv/.complete$(if $(filter 1,$(GPU)),-gpu)
BIN := .venv/bin
# Tests run in so many processes, which share nothing (CONTRIBUTING.md): one more than the cores that they are made for,
# since some wait for SLURM, SageMaker or a browser.
WORKERS ?= 3
PYTEST := $(BIN)/pytest -n $(WORKERS) --no-loadscope-reorder

# ENCODERS=torch also sets up the environment of encoders that need PyTorch (docs/features.md), which then stays.
ENCODERS ?= $(if $(wildcard envs/encoders/.venv/.complete),torch,)

export UV_PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
# Programs start in half the time.
export UV_COMPILE_BYTECODE := 1

# uv and Snakemake keep caches in the home; where it cannot be written, in this folder.
CACHE_IN_HOME := $(shell cache="$${XDG_CACHE_HOME:-$${HOME:+$$HOME/.cache}}"; \
	mkdir -p "$$cache" 2> /dev/null && test -w "$$cache" && echo yes)
ifneq ($(CACHE_IN_HOME),yes)
export XDG_CACHE_HOME := $(CURDIR)/.cache
# In such a cache Horovod is built against the MPI beside it, which CMake does not find in a path with a blank.
ifneq ($(and $(word 2,$(CURDIR)),$(if $(UV_CACHE_DIR),,none)),)
$(error The home cannot be written, and the path of this folder has a blank: set UV_CACHE_DIR to a folder without one)
endif
endif

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

env: $(ENVIRONMENT) $(if $(ENCODERS),envs/encoders/.venv/.complete) ## set up the environment in .venv (with GPU=1: for GPUs; with ENCODERS=torch: also that of PyTorch)

demo: $(ENVIRONMENT) ## run the demo cohort to results/report.html
	$(BIN)/snakemake --cores all --quiet rules
	@$(BIN)/python scripts/show_results.py --slides results/evaluation/slides.tsv --report results/report.html

demo-probe: $(ENVIRONMENT) ## the demo cohort by features and a linear classifier, to results/experiments/probe/report.html
	$(BIN)/snakemake --cores all --quiet rules --config method=probe experiment=probe
	@$(BIN)/python scripts/show_results.py --slides results/experiments/probe/evaluation/slides.tsv \
		--report results/experiments/probe/report.html

view: $(ENVIRONMENT) ## look at the demo's slides and results in a browser, until Ctrl-C
	$(BIN)/snakemake view --cores all --quiet all

test: $(ENVIRONMENT) ## run all tests (WORKERS=1: one after the other)
	$(PYTEST)

test-fast: $(ENVIRONMENT) ## run the tests that take seconds
	$(PYTEST) -m "not slow"

test-torch: envs/encoders/.venv/.complete ## run the tests of encoders that need PyTorch, in their environment
	PYTHONPATH=src envs/encoders/.venv/bin/python -m pytest tests/features/test_torch_encoder.py

sagemaker-local: $(ENVIRONMENT) ## serve SageMaker and S3 on this machine, to try --profile sagemaker (root)
	$(BIN)/python -m tests.sagemaker.standin

check: $(ENVIRONMENT) ## check format, lint and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: $(ENVIRONMENT) ## format the sources
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/snakefmt Snakefile rules

clean: ## remove the demo's results, keep the environment
	rm -rf results logs .snakemake

# uv in a folder of its own: a distribution's python3 refuses to install into itself.
.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

envs/encoders/.venv/.complete: envs/encoders/pyproject.toml envs/encoders/uv.lock | .uv/bin/uv
	UV_PROJECT_ENVIRONMENT="$(CURDIR)/envs/encoders/.venv" .uv/bin/uv sync --locked --project envs/encoders
	@touch $@

$(ENVIRONMENT): $(PROJECT)/pyproject.toml $(PROJECT)/uv.lock tools/horovod-buildfix/pyproject.toml | .uv/bin/uv
	UV_PROJECT_ENVIRONMENT="$(CURDIR)/.venv" .uv/bin/uv sync --locked --project $(PROJECT)
	@rm -f .venv/.complete .venv/.complete-gpu
	@touch $@
