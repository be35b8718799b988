"""Which models are served, and by what."""

import onnxruntime
import pytest

from slidemill.onnx_session import ProviderMissingError
from slidemill.serving.load import find_model, load_served_model
from slidemill.serving.options import ServingOptions

pytestmark = pytest.mark.slow


def test_a_provider_that_is_not_there_is_refused(network_file):
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime knows CUDA")
    with pytest.raises(ProviderMissingError, match="asked for cuda and has cpu"):
        load_served_model(network_file, ServingOptions(), threads=1, provider="cuda")


def test_of_both_files_of_a_folder_that_of_keras_is_served(model_file, network_file, tmp_path):
    for file in (network_file, model_file):
        (tmp_path / file.name).symlink_to(file)
        assert find_model(tmp_path) == tmp_path / file.name
