"""Networks of lower precision: half the bytes or a quarter of them, and other scores."""

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx

from slidemill.inference.onnx_file import OnnxPrecision

# Whose numbers are places, counts or sums over a bag, for which half precision has too few digits.
_KEPT_IN_FLOAT32 = ["CumSum", "Range", "ReduceSum", "ReduceMax", "Exp", "Log", "LogSoftmax", "Softmax", "Resize"]


def with_precision(network: onnx.ModelProto, precision: OnnxPrecision) -> onnx.ModelProto:
    """The network with weights and computation of this precision; its input and outputs stay as they are.

    Args:
        network: in float32; left as it is.
        precision: "float16" by onnxruntime's converter; "int8" by its dynamic quantisation: weights of 8 bits, and
            the ranges of what flows through the network are measured on each call.
    """
    if precision == "float16":
        return _in_half(network)
    return _quantised(network) if precision == "int8" else network


def _in_half(network: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    with _only_errors():
        return convert_float_to_float16(
            copy, keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, *_KEPT_IN_FLOAT32]
        )


def _quantised(network: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(prefix="slidemill-") as folder, _only_errors():
        whole, small = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        onnx.save(network, whole)
        # Of all kinds that it knows, those that have weights; convolutions of signed weights have no kernel on CPUs.
        quantize_dynamic(whole, small, op_types_to_quantize=["Conv", "MatMul", "Gemm"], weight_type=QuantType.QUInt8)
        return onnx.load(small)


@contextlib.contextmanager
def _only_errors() -> Iterator[None]:
    """Both tell the root logger of each value that they round, and advise what does not apply here."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
