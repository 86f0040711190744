"""What may happen between steps of training."""

from cdl.callbacks.backup_and_restore import BackupAndRestore
from cdl.callbacks.callback import Callback
from cdl.callbacks.callback_list import CallbackList
from cdl.callbacks.csv_logger import CSVLogger
from cdl.callbacks.early_stopping import EarlyStopping
from cdl.callbacks.history import History
from cdl.callbacks.lambda_callback import LambdaCallback
from cdl.callbacks.learning_rate_scheduler import LearningRateScheduler
from cdl.callbacks.model_checkpoint import ModelCheckpoint
from cdl.callbacks.monitor import MonitorCallback
from cdl.callbacks.progress import ProgbarLogger
from cdl.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from cdl.callbacks.remote_monitor import RemoteMonitor
from cdl.callbacks.swap_ema_weights import SwapEMAWeights
from cdl.callbacks.tensorboard import TensorBoard
from cdl.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
