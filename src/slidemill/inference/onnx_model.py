"""A model.onnx in memory, for whatever it takes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from slidemill.classifier.tile_shape import shape_of_tiles
from slidemill.onnx_session import CPU, NetworkError, Provider, find_provider, one_line, open_session
from slidemill.training.description import ModelDescription, ModelFileError

_ROWS_AT_ONCE = 16  # of a CPU; what they take then stays in its caches
ENGINE_CACHE = "tensorrt"  # folder beside the model


class OnnxModel:
    """A network of one input in memory."""

    def __init__(
        self, model_file: Path, *, threads: int, provider: Provider = "auto", divides_calls: bool = False
    ) -> None:
        """Load it.

        Args:
            model_file: model.onnx.
            threads: CPU threads, each of which computes a part of the rows; nothing depends on their number.
            provider: what runs it.
            divides_calls: threads share each layer of a call, for rows that cannot be divided; last digits may then
                depend on their number.
        Raises:
            ModelFileError: onnxruntime cannot load it.
            ProviderMissingError: the provider is not there.
        """
        self._file = model_file
        providers = find_provider(provider)
        try:
            content = model_file.read_bytes()
            self._session = open_session(
                content,
                providers,
                engine_cache=model_file.with_name(ENGINE_CACHE),
                threads=threads if divides_calls else 1,
            )
        except (NetworkError, FileNotFoundError) as error:
            raise ModelFileError(model_file, str(error)) from None
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._rows_at_once = _ROWS_AT_ONCE if providers[0] == CPU else None
        self._pool = ThreadPoolExecutor(threads)

    def outputs(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """All outputs by name, for one input.

        Raises:
            ModelFileError: the network does not take it.
        """
        try:
            found = self._session.run(self._outputs, {self._input: values})
        except Exception as error:
            raise ModelFileError(self._file, f"it cannot score {values.shape} ({one_line(error)})") from None
        return {name: np.asarray(own, np.float32) for name, own in zip(self._outputs, found, strict=True)}

    def scores_of_rows(self, values: np.ndarray) -> np.ndarray:
        """The scores of rows that have nothing to do with each other; in parts, as many at once as there are threads.

        Args:
            values: (n, ...), at least one row.
        Returns:
            (n, classes) float32.
        Raises:
            ModelFileError: the network does not take them.
        """
        size = self._rows_at_once or len(values)
        parts = [values[start : start + size] for start in range(0, len(values), size)]
        return np.concatenate(list(self._pool.map(lambda part: self.outputs(part)["scores"], parts)))


class OnnxFeatureModel:
    """A model of the features of tiles in an ONNX file; see `FeatureModel`."""

    def __init__(self, model_file: Path, *, threads: int, provider: Provider = "auto") -> None:
        """Load it; as `OnnxModel`."""
        self._model = OnnxModel(model_file, threads=threads, provider=provider)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Score tiles."""
        return self._model.scores_of_rows(features)


class OnnxTileModel:
    """A tile classifier in an ONNX file; see `TileModel`."""

    def __init__(
        self, model_file: Path, description: ModelDescription, *, threads: int, provider: Provider = "auto"
    ) -> None:
        """Load it; as `OnnxModel`.

        Args:
            model_file: model.onnx.
            description: of the model.
            threads: CPU threads.
            provider: what runs it.
        """
        self.description = description
        self.shape = shape_of_tiles(description)
        self._model = OnnxModel(model_file, threads=threads, provider=provider)

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Score decoded tiles."""
        return self._model.scores_of_rows(images)
