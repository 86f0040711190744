"""Files go both ways between cdl and Keras 3: models predict the same, and continue to train the same."""

import keras_peer  # noqa: F401 - chooses Keras' backend
import keras
import numpy as np
import pytest
from saving_models import CASES, ROWS, model_of

import cdl
