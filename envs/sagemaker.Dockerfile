# The environment of jobs on SageMaker, for processing and for training; sources come with each job (docs/sagemaker.md).
#
#   docker build --file envs/sagemaker.Dockerfile --tag slidemill .
#
# For GPUs: --build-arg PROJECT=envs/gpu --build-arg BASE=an image with Python 3.11, the CUDA toolkit and NCCL's headers.
# BASE may be pinned by its digest: --build-arg BASE=python:3.11-slim-bookworm@sha256:...
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc g++ make && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml uv.lock README.md LICENSE /slidemill/
COPY tools/horovod-buildfix /slidemill/tools/horovod-buildfix
COPY envs/gpu /slidemill/envs/gpu
COPY src /slidemill/src
WORKDIR /slidemill
ENV UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
ENV UV_PROJECT_ENVIRONMENT=/slidemill/.venv
ARG PROJECT=.
RUN python3 -m pip install --no-cache-dir uv==0.13.8 && uv sync --locked --no-dev --no-editable --project ${PROJECT}

FROM ${BASE}
# Ranks on several hosts are started over ssh; sshd refuses to run without its folder.
RUN apt-get update && apt-get install --yes --no-install-recommends openssh-server openssh-client git \
    && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* && mkdir -p /run/sshd
COPY --from=build /slidemill/.venv /slidemill/.venv
ENV PATH=/slidemill/.venv/bin:${PATH} PYTHONUNBUFFERED=1
