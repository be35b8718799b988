"""From a TensorFlow function to an ONNX network; imports TensorFlow and tf2onnx."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx

from slidemill.errors import SlidemillError
from slidemill.export.functions import Outputs
from slidemill.training.backend import as_graph, tf

OPSET = 18  # the newest that the converter knows; Resize of images is exact from it on

_CONVERTER = "tf2onnx"


class ConversionError(SlidemillError):
    """A model with an operation that ONNX, or the converter, has not."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the model cannot be written as ONNX: {self.reason}. Use it with prediction.engine: keras."


def to_onnx(function: Callable[..., Outputs], argument: tf.TensorSpec) -> onnx.ModelProto:
    """Write a function of one argument as an ONNX network, whose input and outputs have the function's names.

    Args:
        function: from one tensor to named ones.
        argument: its type and shape; what is None in its first axis, or in the two after it, is any number.
    Raises:
        ConversionError: the network has an operation that cannot be written.
    """
    import tf2onnx  # here, because it is needed for this alone

    traced: Any = as_graph(function, input_signature=[argument])
    try:
        with _only_errors():
            network, _ = tf2onnx.convert.from_function(
                traced, input_signature=[argument], opset=OPSET, custom_op_handlers={"Erfc": (_erfc, [])}
            )
        _keep_captured(network, traced.get_concrete_function().graph)
        onnx.checker.check_model(network)
    except (onnx.checker.ValidationError, ValueError, NotImplementedError) as error:
        raise ConversionError(" ".join(str(error).split())[:300]) from error
    _name_axes(network)
    return network


def _keep_captured(network: onnx.ModelProto, graph: tf.Graph) -> None:
    """Tensors of the layers that are no variables, such as statistics; the converter takes them for inputs."""
    captured = {inside.name: value for value, inside in graph.captures if value.dtype != tf.resource}
    for value in list(network.graph.input):
        if value.name in captured:
            network.graph.initializer.append(onnx.numpy_helper.from_array(captured[value.name].numpy(), value.name))
            network.graph.input.remove(value)


def _erfc(context: Any, node: Any, *_: Any) -> Any:
    """1 - erf(x): the converter knows no erfc, which is in Keras' GELU."""
    (x,) = node.input
    shapes, types = node.output_shapes, node.output_dtypes
    context.remove_node(node.name)
    one = context.make_const(f"{node.name}/one", np.array(1.0, np.float32)).output[0]
    erf = context.make_node("Erf", [x], dtypes=types, shapes=shapes).output[0]
    return context.make_node("Sub", [one, erf], outputs=node.output, name=node.name, dtypes=types, shapes=shapes)


def _name_axes(network: onnx.ModelProto) -> None:
    """Axes of any length get names that say of what: the same name is the same length."""
    for value in (*network.graph.input, *network.graph.output):
        axes = value.type.tensor_type.shape.dim
        for place, axis in enumerate(axes):
            if not axis.HasField("dim_value"):
                axis.dim_param = "n" if place == 0 else "side"


@contextlib.contextmanager
def _only_errors() -> Iterator[None]:
    """The converter sets up logging for all when it is first imported, and tells each of its steps."""
    log = logging.getLogger(_CONVERTER)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
