"""onnxruntime: inference only."""

from __future__ import annotations

import numpy as np
import onnxruntime
from networks import Conv, Dense, Flatten, GlobalAverage, MaxPool, Network, Recurrent, count_arrays
from onnx import TensorProto, helper, numpy_helper
from timing import Task


def own_weights(network: Network) -> list[np.ndarray]:
    """Keras' weights as ONNX': transposed, two biases in one row, and the gates i o f g."""
    given, own = iter(network.weights_channels_first()), []
    for layer in network.layers:
        arrays = [next(given) for _ in range(count_arrays(layer))]
        if isinstance(layer, Recurrent):
            order = [0, 3, 1, 2] if layer.kind == "LSTM" else range(layer.gates)
            kernel, recurrent, bias = arrays
            biases = bias if layer.kind == "GRU" else (bias, np.zeros_like(bias))
            parts = [np.split(w, layer.gates) for w in (kernel.T, recurrent.T, *biases)]
            kernel, recurrent, *biases = (np.concatenate([part[gate] for gate in order]) for part in parts)
            arrays = [kernel[None], recurrent[None], np.concatenate(biases)[None]]
        own += arrays
    return own


def model(network: Network) -> bytes:
    """The network as an ONNX file; images are channels first there."""
    kind = TensorProto.FLOAT if network.dtype == "float32" else TensorProto.DOUBLE
    weights = [numpy_helper.from_array(w, f"w{n}") for n, w in enumerate(own_weights(network))]
    names, nodes, value = iter([weight.name for weight in weights]), [], "x"

    def then(operator: str, *inputs: str, **attributes) -> None:
        nonlocal value
        nodes.append(helper.make_node(operator, [value, *inputs], [value := f"v{len(nodes)}"], **attributes))

    for number, layer in enumerate(network.layers, 1):
        match layer:
            case Conv(_, _, padding):
                then("Conv", next(names), next(names), auto_pad={"same": "SAME_UPPER", "valid": "VALID"}[padding])
                then("Relu")
            case MaxPool(axes):
                then("MaxPool", kernel_shape=[2] * axes, strides=[2] * axes)
            case Flatten():
                then("Flatten")
            case GlobalAverage():
                then("GlobalAveragePool")
                then("Flatten")
            case Dense():
                then("Gemm", next(names), next(names), transB=1)
                then("Relu" if number < len(network.layers) else "Softmax")
            case Recurrent(cell, units):
                then("Transpose", perm=[1, 0, 2])
                reset = {"linear_before_reset": 1} if cell == "GRU" else {}
                then(cell.removeprefix("Simple"), *(next(names) for _ in range(3)), hidden_size=units, **reset)
                nodes[-1].output.insert(0, "")  # without the states of all steps: the last one
                then("Flatten", axis=2)
    *image, channels = network.input_shape
    if not network.convolutional:
        channels, *image = network.input_shape
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", kind, ["n", channels, *image])],
        [helper.make_tensor_value_info(value, kind, ["n", network.classes])],
        weights,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    proto.ir_version = 8
    return proto.SerializeToString()


class Peer:
    def __init__(self, threads: int, variant: str):
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.inter_op_num_threads = 1

    def predict(self, network: Network, count: int) -> Task:
        session = onnxruntime.InferenceSession(model(network), self.options, providers=["CPUExecutionProvider"])
        x = network.samples(count)[0]
        if network.convolutional:
            x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
        if count <= network.part:
            return Task(lambda: session.run(None, {"x": x})[0])
        parts = np.split(x, range(network.part, count, network.part))
        return Task(lambda: np.concatenate([session.run(None, {"x": part})[0] for part in parts]))
