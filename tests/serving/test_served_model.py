"""Which models are served."""

import zipfile
from dataclasses import replace

import pytest

from slidemill.errors import ConfigError
from slidemill.serving.options import ServingOptions
from slidemill.serving.served_model import load_served_model
from slidemill.training.description import ENTRY, add_description, read_description


def test_a_model_of_the_tiles_with_most_tissue_is_refused(model_file, tmp_path):
    """Which tiles of a slide these are, a request cannot tell."""
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(model_file) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            if name != ENTRY:
                target.writestr(name, source.read(name))
    add_description(path, replace(read_description(model_file), method="mil", slide_tiles=16))
    with pytest.raises(
        ConfigError, match=r"looks at the 16 tiles with most tissue of a slide together, and is not served"
    ):
        load_served_model(path, ServingOptions(), threads=1)
