"""What the program of a job imports before it has anything to do: a cohort starts it once for each slide or batch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
# Packages that take a tenth of a second or more. Each program may have those beside it.
SLOW = {
    "botocore",
    "h5py",
    "jinja2",
    "matplotlib",
    "onnxruntime",
    "pandas",
    "scipy",
    "shapely",
    "sklearn",
    "tensorflow",
    "torch",
}
NEEDED = {
    "download_slide": set(),
    "tile_slide": set(),
    "label_tiles": {"shapely"},
    "shard_tiles": set(),
    "extract_features": set(),
    "train": set(),  # TensorFlow when the rank knows that it is not alone
    "predict_slides": set(),
    "heatmap": {"matplotlib", "shapely"},
    "evaluate": {"scipy"},
    "report": {"jinja2"},
}
LOADED = (
    "import json, runpy, sys; runpy.run_path(sys.argv[1], run_name='a_job'); print(json.dumps(sorted(sys.modules)))"
)


@pytest.mark.parametrize("name", NEEDED)
def test_programs_import_what_they_need(name):
    script = SCRIPTS / f"{name}.py"
    answer = subprocess.run([sys.executable, "-c", LOADED, script], capture_output=True, check=True, cwd=SCRIPTS)
    assert SLOW & set(json.loads(answer.stdout)) == NEEDED[name]


@pytest.mark.slow
def test_trainings_and_scoring_start_tensorflow_without_what_it_would_import_where_it_is_installed():
    code = """import json, sys
from slidemill.training import ranks
print(json.dumps(sorted(sys.modules)))
import matplotlib.pyplot, pandas, scipy.stats, sklearn.base  # still there for who wants them
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert SLOW & set(json.loads(answer.stdout)) == {"h5py", "tensorflow"}


def test_snakemake_loads_the_plugin_without_boto3():
    code = "import json, sys, snakemake_executor_plugin_sagemaker; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert not {"boto3", "s3transfer"} & set(json.loads(answer.stdout))
