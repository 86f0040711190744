"""onnxruntime: inference only."""

from __future__ import annotations

import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from timing import Task
from workloads import Network


def model(network: Network) -> bytes:
    """Gemm, Relu, ..., Gemm, Softmax as an ONNX file."""
    kind = TensorProto.FLOAT if network.dtype == "float32" else TensorProto.DOUBLE
    weights, nodes, value = [], [], "x"
    for number, weight in enumerate(network.weights()):
        weights.append(numpy_helper.from_array(weight, f"w{number}"))
        if number % 2:
            if number > 1:
                nodes.append(helper.make_node("Relu", [value], [value := f"a{number}"]))
            nodes.append(helper.make_node("Gemm", [value, f"w{number - 1}", f"w{number}"], [value := f"z{number}"]))
    nodes.append(helper.make_node("Softmax", [value], ["y"]))
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", kind, ["n", network.sizes[0]])],
        [helper.make_tensor_value_info("y", kind, ["n", network.sizes[-1]])],
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
        x, _ = network.samples(count)
        return Task(lambda: session.run(None, {"x": x})[0])
