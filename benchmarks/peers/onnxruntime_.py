"""onnxruntime: inference only."""

from __future__ import annotations

import numpy as np
import onnxruntime
from networks import Conv, Dense, Flatten, GlobalAverage, MaxPool, Network
from onnx import TensorProto, helper, numpy_helper
from timing import Task


def model(network: Network) -> bytes:
    """The network as an ONNX file; images are channels first there."""
    kind = TensorProto.FLOAT if network.dtype == "float32" else TensorProto.DOUBLE
    weights = [numpy_helper.from_array(w, f"w{n}") for n, w in enumerate(network.weights_channels_first())]
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
    *image, channels = network.input_shape
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
        x = np.ascontiguousarray(np.moveaxis(network.samples(count)[0], -1, 1))
        if count <= network.part:
            return Task(lambda: session.run(None, {"x": x})[0])
        parts = np.split(x, range(network.part, count, network.part))
        return Task(lambda: np.concatenate([session.run(None, {"x": part})[0] for part in parts]))
