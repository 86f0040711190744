"""What the modules beside Keras share; see also tests/keras_peer.py."""

import pytest

import cdl


@pytest.fixture
def names_begin_anew():
    """Both libraries number their layers from the beginning."""
    from keras_peer import keras

    keras.utils.clear_session()
    cdl.utils.clear_session()
