#!/bin/sh
# What the image starts. SageMaker, and whoever wants the service, starts it as `docker run IMAGE serve`; all else is for
# Snakemake: `docker run IMAGE --cores 2`.
set -eu

if [ "${1:-}" = serve ]; then
    shift
    # Inside a container its own network is all that it sees: who may reach the port is said outside.
    exec python -m slidemill.serving --model /opt/ml/model --host 0.0.0.0 --port "${SAGEMAKER_BIND_TO_PORT:-8080}" \
        --threads "$(nproc)" ${SLIDEMILL_BODY_BYTES:+--body-bytes "$SLIDEMILL_BODY_BYTES"} \
        ${SLIDEMILL_SLIDES:+--slides "$SLIDEMILL_SLIDES"} "$@"
fi
top=$(cd "$(dirname "$0")/.." && pwd)
exec snakemake --snakefile "$top/Snakefile" "$@"
