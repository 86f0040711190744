"""Speech: which digit is it that six people say? Recordings become spectrograms, which a network reads in both directions.

@@
"""

import argparse
import math

import numpy as np
from matplotlib.figure import Figure

from cdl import Sequential, datasets, layers, optimizers, utils
from cdl.datasets.spoken_digits import RATE, SPEAKERS

BANDS, WINDOW, HOP, LONGEST = 40, 256, 100, 80  # mel bands; samples (32 ms, 12.5 ms); frames (one second)


def mel_filters(low=80.0, high=RATE / 2):
    """Triangles (bands, frequencies) whose corners are equally far apart as the ear hears it, not in Hertz."""
    mel = 2595 * np.log10(1 + np.array([low, high]) / 700)
    corners = 700 * (10 ** (np.linspace(*mel, BANDS + 2) / 2595) - 1)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    frequency = np.fft.rfftfreq(WINDOW, 1 / RATE)
    return np.minimum((frequency - left) / (centre - left), (right - frequency) / (right - centre)).clip(0)


def spectrogram(samples, filters):
    """Log-mel energies (frames, bands); no band louder than another on the whole, so that microphones sound alike."""
    samples = np.pad(samples / 32768, (WINDOW // 2, WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * np.hanning(WINDOW)
    energy = np.abs(np.fft.rfft(frames)) ** 2 @ filters.T
    loudness = np.log(energy + 1e-6 * energy.max())
    return (loudness - loudness.mean(axis=0)) / loudness.std()


def features(recordings):
    filters = mel_filters()
    frames = [spectrogram(samples, filters) for samples in recordings]
    return utils.pad_sequences(frames, LONGEST, dtype="float32", padding="post", truncating="post")


def network(steps):
    model = Sequential(
        [
            layers.Input((LONGEST, BANDS)),
            layers.Masking(),  # what was filled up with zeros is no part of the recording
            layers.GaussianNoise(0.3),
            layers.Bidirectional(layers.GRU(64)),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    # Up for a tenth of the steps, then down along half a wave.
    rate = lambda step: 0.004 * min(10 * step / steps, (1 + math.cos(math.pi * step / steps)) / 2)  # noqa: E731
    model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def learn(split, epochs, samples):
    """Train and test; the digits heard in the test recordings."""
    utils.set_random_seed(1)
    (x_train, y_train), (x_test, _) = split
    x_train, y_train = x_train[:samples], y_train[:samples]
    model = network(steps=epochs * math.ceil(len(x_train) / 32))
    model.fit(features(x_train), y_train, batch_size=32, epochs=epochs, verbose=2)
    return model.predict(features(x_test), verbose=0).argmax(axis=1)
