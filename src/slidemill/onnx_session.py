"""Networks of ONNX in memory, by onnxruntime: where they run is asked and checked; no bit depends on threads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from slidemill.errors import SlidemillError

Provider = Literal["auto", "tensorrt", "cuda", "cpu"]

PROVIDERS: tuple[Provider, ...] = get_args(Provider)
CPU = "CPUExecutionProvider"

_CUDA, _TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
# What is asked of onnxruntime, and what it then does itself where the first cannot. TensorRT compiles a network for
# minutes, so that it is never chosen unasked.
_ASKED: dict[Provider, list[str]] = {"tensorrt": [_TENSORRT, _CUDA, CPU], "cuda": [_CUDA, CPU], "cpu": [CPU]}
_ERRORS_ONLY = 3  # severity of onnxruntime's messages


class ProviderMissingError(SlidemillError):
    """A device that was asked for, and that onnxruntime has not."""

    def __init__(self, provider: Provider, there: Sequence[str]) -> None:
        super().__init__(provider, there)
        self.provider = provider
        self.there = there

    def __str__(self) -> str:
        return (
            f"onnxruntime was asked for {self.provider} and has {', '.join(self.there)}. Set "
            "prediction.provider to auto or cpu, or install onnxruntime-gpu and its libraries where the GPU is."
        )


class NetworkError(SlidemillError):
    """A network that onnxruntime cannot load; its text is one line."""


def find_provider(provider: Provider) -> list[str]:
    """The providers of onnxruntime for this choice, the first of which has to run the network.

    Args:
        provider: "auto" for CUDA where this onnxruntime knows it, else the CPU.
    Raises:
        ProviderMissingError: this onnxruntime does not know it.
    """
    import onnxruntime

    known = onnxruntime.get_available_providers()
    if provider == "auto":
        return _ASKED["cuda" if _CUDA in known else "cpu"]
    asked = _ASKED[provider]
    if asked[0] not in known:
        raise ProviderMissingError(provider, _told(known))
    return asked


def open_session(
    network: bytes, providers: Sequence[str], *, engine_cache: Path | None = None, threads: int = 1
) -> Any:
    """Load a network.

    On CPUs one thread computes a call, and who has more calls at once; so no bit depends on the number of threads.

    Args:
        network: the bytes of an ONNX file.
        providers: as `find_provider` gives them.
        engine_cache: a folder where TensorRT keeps what it has compiled, for the next time; made when it is missing.
        threads: that share a call after all, where calls are large and one at a time.
    Returns:
        An onnxruntime.InferenceSession.
    Raises:
        NetworkError: these are not the bytes of a network, or not of one that onnxruntime can run.
        ProviderMissingError: the first provider is known and does not run, as without a GPU or its libraries.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _ERRORS_ONLY
    options.use_deterministic_compute = True
    try:
        asked = [_with_options(name, engine_cache) for name in providers]
        session = onnxruntime.InferenceSession(network, options, providers=asked)
    except Exception as error:
        raise NetworkError(f"not a network that onnxruntime can load ({one_line(error)})") from None
    if session.get_providers()[0] != providers[0]:  # it falls back to the next in silence
        choice = next(name for name, names in _ASKED.items() if names[0] == providers[0])
        raise ProviderMissingError(choice, _told(session.get_providers()))
    return session


def one_line(error: Exception) -> str:
    """The text of an error of onnxruntime, whose lines are joined."""
    return " ".join(str(error).split())


def _with_options(name: str, engine_cache: Path | None) -> str | tuple[str, dict[str, str]]:
    if name != _TENSORRT or engine_cache is None:
        return name
    engine_cache.mkdir(parents=True, exist_ok=True)
    return name, {"trt_engine_cache_enable": "True", "trt_engine_cache_path": str(engine_cache)}


def _told(names: Sequence[str]) -> list[str]:
    """Names of onnxruntime as the config has them; those that the config has not are left out."""
    choices = {names[0]: choice for choice, names in _ASKED.items()}
    return [choices[name] for name in names if name in choices]
