"""What may happen between steps of training."""

from cdl.callbacks.callback import Callback
from cdl.callbacks.callback_list import CallbackList
from cdl.callbacks.early_stopping import EarlyStopping
from cdl.callbacks.history import History
from cdl.callbacks.progress import ProgbarLogger

__all__ = ["Callback", "CallbackList", "EarlyStopping", "History", "ProgbarLogger"]
