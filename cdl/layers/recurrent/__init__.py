"""Recurrent layers and their cells."""

from cdl.layers.recurrent.bidirectional import Bidirectional
from cdl.layers.recurrent.gru import GRU, GRUCell
from cdl.layers.recurrent.lstm import LSTM, LSTMCell
from cdl.layers.recurrent.rnn import RNN
from cdl.layers.recurrent.simple_rnn import SimpleRNN, SimpleRNNCell
from cdl.layers.recurrent.stacked_cells import StackedRNNCells

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
]
