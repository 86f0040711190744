"""The contestants.  Each module here defines

    class Peer:
        def __init__(self, threads, variant): ...
        def train_step(self, network) -> Task       one step on the next batch; the value is the loss before the update
        def adversarial_step(self, work) -> Task    one step of each of two networks; the values are both losses
        def fit_epoch(self, network) -> Task        one shuffled pass over 60,000 samples; the value is its mean loss
        def predict(self, network, count) -> Task   class probabilities of `count` samples

and, where benchmarks/ops.py and convolution.py are to time them, the primitives matmul, activation, softmax,
crossentropy, adam, convolution, pooling and batch_norm, and for optimizers.py `optimizer`.  What a peer cannot do it
does not define, or returns None.
Each is tuned as far as its users can tune it.
"""

from __future__ import annotations

import os
from importlib import import_module

OURS = "cdl"

# name or name-variant -> what it is
PEERS = {
    "cdl": "this library, through its public interface",
    "numpy": "written by hand: one flat parameter array, Adam in place, no temporaries that can be avoided",
    "torch": "PyTorch as in its tutorials",
    "torch-tuned": "fused Adam, denormals flushed, images with channels last",
    "torch-compile": "tuned, and model and loss through torch.compile",
    "jax": "the whole step jitted, state donated, steps dispatched without waiting",
    "jax-scan": "the whole epoch jitted, as one lax.scan",
    "keras": "Keras on JAX: train_on_batch, fit, predict_on_batch",
    "keras-tensorflow": "the same on TensorFlow",
    "tensorflow": "its own kernels, the whole step as a tf.function",
    "onnxruntime": "inference only",
}
# torch-compile compiles for a minute, and is slower than torch-tuned for networks of this size.
DEFAULT = [name for name in PEERS if name != "torch-compile"]


def create(name: str, threads: int):
    """The Peer called `name`, on `threads` cores.  A variant is a class of its own or a way to use Peer."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    library, _, variant = name.partition("-")
    if library == "keras":
        os.environ["KERAS_BACKEND"] = variant or "jax"
    module = import_module(f"peers.{library}_")
    return getattr(module, variant.capitalize(), module.Peer)(threads, variant)


def environment(threads: int) -> dict[str, str]:
    """What must be set before a contestant's process starts, so that it uses `threads` threads."""
    eigen = "true" if threads > 1 else "false"
    return {
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
