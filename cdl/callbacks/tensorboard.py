"""Loss, metrics and weights for TensorBoard."""

from __future__ import annotations

import itertools
import os
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from cdl.callbacks.callback import Callback, Logs

if TYPE_CHECKING:
    from cdl.models.model import Model

BINS = 30  # of histograms, as TensorFlow has them
FLUSH_SECONDS = 1  # what is written is in the file after so long, also when training is interrupted
NUMBERS = itertools.count()


class TensorBoard(Callback):
    """Writes what TensorBoard shows: curves of loss and metrics, histograms of weights, and the layers.

    Folders and names are Keras': "epoch_loss" and the like in the folders `train` and `validation` of `log_dir`, with
    "epoch_learning_rate"; after each evaluation "evaluation_loss_vs_iterations". Needs the package tensorboardX.

    Parameters: `log_dir`; `histogram_freq`, write the weights of each layer after every so many epochs (0: never);
    `write_graph`, the layers of the model; `write_steps_per_second`; `update_freq`, "epoch", or "batch" or a number:
    write "batch_loss" and the like, too, after every so many training steps. `write_images`, `profile_batch`,
    `embeddings_freq` and `embeddings_metadata` are there for Keras' sake and only take their defaults. Raises
    ValueError for other values, ImportError where tensorboardX is missing.

    >>> model.fit(x, y, epochs=9, callbacks=[TensorBoard("logs/first", histogram_freq=1)])
    >>> # then, in a shell: tensorboard --logdir logs
    """

    def __init__(
        self,
        log_dir: str | os.PathLike = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        refuse("write_images", write_images, "cdl.plotting.plot_filters draws filters.")
        refuse("profile_batch", profile_batch, "Python's own profilers see into a model of cdl.")
        refuse("embeddings_freq", embeddings_freq, "Embeddings are in the file that model.save_weights writes.")
        refuse("embeddings_metadata", embeddings_metadata, "It goes with embeddings_freq.")
        if update_freq not in ("batch", "epoch") and not (isinstance(update_freq, int) and update_freq >= 1):
            raise ValueError(
                f"TensorBoard: update_freq is 'batch', 'epoch' or a number >= 1. Received: {update_freq!r}"
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq, self.write_graph = histogram_freq, write_graph
        self.write_steps_per_second = write_steps_per_second
        self.update_freq: Any = 1 if update_freq == "batch" else update_freq
        self._writers: dict[str, Any] = {}
        self._training = False
        self._steps = self._steps_before = 0
        self._epoch_began = self._step_began = 0.0

    def set_model(self, model: Model) -> None:
        super().set_model(model)
        summary_writer()  # or there is an error now, and not after the first epoch
        self._close()
        if self.write_graph:
            self._write_layers()

    def on_train_begin(self, logs: Logs = None) -> None:
        self._training, self._steps = True, 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._steps_before, self._epoch_began = self._steps, time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._steps += 1
        self._step_began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self.update_freq == "epoch" or self._steps % self.update_freq:
            return
        if self.write_steps_per_second:
            rate = 1 / (time.perf_counter() - self._step_began)
            self._writer("train").add_scalar("batch_steps_per_second", rate, self._steps)
        self._write("train", "batch_{}", logs, self._steps)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        of_training = {name: value for name, value in logs.items() if not name.startswith("val_")}
        of_training["learning_rate"] = float(self.model.optimizer.learning_rate)  # type: ignore[union-attr]
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._epoch_began
            of_training["steps_per_second"] = (self._steps - self._steps_before) / seconds
        self._write("train", "epoch_{}", of_training, epoch)
        of_validation = {name[4:]: value for name, value in logs.items() if name.startswith("val_")}
        self._write("validation", "epoch_{}", of_validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for variable in self.model.weights:
                finite = variable.value[np.isfinite(variable.value)]
                if finite.size:
                    self._writer("train").add_histogram(f"{variable.path}/histogram", finite, epoch, bins=BINS)

    def on_test_end(self, logs: Logs = None) -> None:
        optimizer = self.model.optimizer
        if optimizer is not None:
            self._write("validation", "evaluation_{}_vs_iterations", logs, int(optimizer.iterations))
        if not self._training:
            self._close()

    def on_train_end(self, logs: Logs = None) -> None:
        self._training = False
        self._close()

    # ---- files ----

    def _writer(self, folder: str) -> Any:
        """The writer to a folder; a folder is made when there is something to write."""
        if folder not in self._writers:
            # A name of its own: those that tensorboardX gives are the same within a second.
            name = {"filename_suffix": f".{os.getpid()}.{next(NUMBERS)}", "flush_secs": FLUSH_SECONDS}
            self._writers[folder] = summary_writer()(os.path.join(self.log_dir, folder), **name)
        return self._writers[folder]

    def _write(self, folder: str, tag: str, logs: Logs, step: int) -> None:
        for name, value in (logs or {}).items():
            self._writer(folder).add_scalar(tag.format(name), value, step)

    def _write_layers(self) -> None:
        """The model as JSON, from which TensorBoard draws its "conceptual graph"."""
        from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboardX.proto.tensor_pb2 import TensorProto

        try:
            text = self.model.to_json()
        except Exception as error:  # a layer of the user's own may not be able to say what it is
            warnings.warn(f"TensorBoard: the model's layers are left out, as to_json fails: {error}", stacklevel=2)
            return
        plugin = SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        tensor = TensorProto(dtype="DT_STRING", string_val=[text.encode()])
        value = Summary.Value(tag="keras", metadata=SummaryMetadata(plugin_data=plugin), tensor=tensor)
        self._writer("train").file_writer.add_summary(Summary(value=[value]), 0)

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}


def refuse(name: str, value: Any, instead: str) -> None:
    """Raises ValueError for what an argument of Keras' asks for and cdl does not do."""
    if value:
        raise ValueError(f"TensorBoard: {name} is not supported by cdl. Received: {value!r}. {instead}")


def summary_writer() -> Any:
    """The class of tensorboardX that writes files. Raises ImportError, with the cure, where it is not installed."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError('TensorBoard needs tensorboardX: pip install "cdlearn[tensorboard]"') from error
    return SummaryWriter
