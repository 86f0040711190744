"""Models for the tests of files: one for every layer that cdl exports, each with data that it takes."""

import numpy as np

from cdl import Sequential, layers
from cdl.utils import register_keras_serializable

RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(8, 6)).astype("float32")
STEPS = RNG.normal(size=(8, 5, 4)).astype("float32")
IMAGES = RNG.normal(size=(8, 6, 6, 3)).astype("float32")
VOLUMES = RNG.normal(size=(8, 4, 4, 4, 2)).astype("float32")
INTEGERS = RNG.integers(0, 5, size=(8, 4))
WORDS = np.array([["red"], ["green"], ["blue"], ["red"], ["green"], ["red"], ["blue"], ["black"]], dtype=object)
TEXTS = np.array([["the red cat"], ["a green dog"], ["the blue dog"], ["red red wine"]] * 2, dtype=object)


@register_keras_serializable("tests")
def doubled(x, factor=2.0):
    return x * x.dtype.type(factor)


@register_keras_serializable("tests")
def doubled_gradient(x, y, dy, factor=2.0):
    return dy * dy.dtype.type(factor)


def adapted(layer, data):
    layer.adapt(data)
    return layer


def cells():
    return [layers.GRUCell(3), layers.LSTMCell(2, dropout=0.2, seed=1)]


# name: (the layer or layers, data)
CASES = {
    "ELU": (lambda: layers.ELU(0.5), ROWS),
    "GRU": (lambda: layers.GRU(3, dropout=0.2, seed=2), STEPS),
    "GRUCell": (lambda: layers.RNN(layers.GRUCell(3)), STEPS),
    "LSTM": (lambda: layers.LSTM(3, return_sequences=True), STEPS),
    "LSTMCell": (lambda: layers.RNN(layers.LSTMCell(3)), STEPS),
    "RNN": (lambda: layers.RNN(cells()), STEPS),
    "Activation": (lambda: layers.Activation("gelu"), ROWS),
    "ActivityRegularization": (lambda: layers.ActivityRegularization(0.1, 0.2), ROWS),
    "AlphaDropout": (lambda: layers.AlphaDropout(0.1), ROWS),
    "AveragePooling1D": (lambda: layers.AveragePooling1D(2), STEPS),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(2), IMAGES),
    "AveragePooling3D": (lambda: layers.AveragePooling3D(2), VOLUMES),
    "BatchNormalization": (lambda: layers.BatchNormalization(), IMAGES),
    "Bidirectional": (lambda: layers.Bidirectional(layers.LSTM(2, return_sequences=True), "sum"), STEPS),
    "CategoryEncoding": (lambda: layers.CategoryEncoding(5), INTEGERS),
    "CenterCrop": (lambda: layers.CenterCrop(4, 4), IMAGES),
    "Conv1D": (lambda: layers.Conv1D(2, 3, padding="causal"), STEPS),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(2, 3), STEPS),
    "Conv2D": (lambda: layers.Conv2D(2, 3, activation="relu", kernel_constraint="max_norm"), IMAGES),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(2, 3, strides=2), IMAGES),
    "Conv3D": (lambda: layers.Conv3D(2, 2), VOLUMES),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(2, 2), VOLUMES),
    "Cropping1D": (lambda: layers.Cropping1D(1), STEPS),
    "Cropping2D": (lambda: layers.Cropping2D(((1, 0), (0, 1))), IMAGES),
    "Cropping3D": (lambda: layers.Cropping3D(1), VOLUMES),
    "Dense": (lambda: layers.Dense(3, "tanh", kernel_regularizer="l2"), ROWS),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(3), STEPS),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), IMAGES),
    "Discretization": (lambda: adapted(layers.Discretization(num_bins=3, output_mode="multi_hot"), ROWS), ROWS),
    "Dropout": (lambda: layers.Dropout(0.3, noise_shape=(None, 1)), ROWS),
    "Embedding": (lambda: [layers.Embedding(5, 3, mask_zero=True), layers.GRU(2)], INTEGERS),
    "Flatten": (lambda: layers.Flatten(), IMAGES),
    "GaussianDropout": (lambda: layers.GaussianDropout(0.2), ROWS),
    "GaussianNoise": (lambda: layers.GaussianNoise(0.2, seed=5), ROWS),
    "GlobalAveragePooling1D": (lambda: layers.GlobalAveragePooling1D(), STEPS),
    "GlobalAveragePooling2D": (lambda: layers.GlobalAveragePooling2D(keepdims=True), IMAGES),
    "GlobalAveragePooling3D": (lambda: layers.GlobalAveragePooling3D(), VOLUMES),
    "GlobalMaxPooling1D": (lambda: layers.GlobalMaxPooling1D(), STEPS),
    "GlobalMaxPooling2D": (lambda: layers.GlobalMaxPooling2D(), IMAGES),
    "GlobalMaxPooling3D": (lambda: layers.GlobalMaxPooling3D(), VOLUMES),
    "GroupNormalization": (lambda: layers.GroupNormalization(3), IMAGES),
    "Hashing": (lambda: [layers.Hashing(7, output_mode="one_hot"), layers.Reshape((7,))], WORDS),
    "Identity": (lambda: layers.Identity(), ROWS),
    "IntegerLookup": (lambda: adapted(layers.IntegerLookup(output_mode="multi_hot"), INTEGERS), INTEGERS),
    "Lambda": (lambda: layers.Lambda(doubled, gradient=doubled_gradient), ROWS),
    "LayerNormalization": (lambda: layers.LayerNormalization(), STEPS),
    "LeakyReLU": (lambda: layers.LeakyReLU(0.1), ROWS),
    "Masking": (lambda: [layers.Masking(0.0), layers.LSTM(2)], STEPS),
    "MaxPooling1D": (lambda: layers.MaxPooling1D(2), STEPS),
    "MaxPooling2D": (lambda: layers.MaxPooling2D(2, padding="same"), IMAGES),
    "MaxPooling3D": (lambda: layers.MaxPooling3D(2), VOLUMES),
    "Normalization": (lambda: adapted(layers.Normalization(), ROWS), ROWS),
    "PReLU": (lambda: layers.PReLU(shared_axes=[1, 2]), IMAGES),
    "Parallel": (lambda: layers.Parallel([layers.Conv2D(2, 1), [layers.Conv2D(3, 1)]], "concatenate"), IMAGES),
    "Pipeline": (lambda: layers.Pipeline([layers.RandomFlip(seed=1), layers.Rescaling(0.5)]), IMAGES),
    "Permute": (lambda: layers.Permute((2, 1)), STEPS),
    "RMSNormalization": (lambda: layers.RMSNormalization(), ROWS),
    "RandomBrightness": (lambda: layers.RandomBrightness(0.2, value_range=(0, 1)), IMAGES),
    "RandomContrast": (lambda: layers.RandomContrast(0.2), IMAGES),
    "RandomCrop": (lambda: layers.RandomCrop(4, 4), IMAGES),
    "RandomErasing": (lambda: layers.RandomErasing(value_range=(0, 1)), IMAGES),
    "RandomFlip": (lambda: layers.RandomFlip("horizontal"), IMAGES),
    "RandomGrayscale": (lambda: layers.RandomGrayscale(0.5), IMAGES),
    "RandomInvert": (lambda: layers.RandomInvert(0.5, value_range=(0, 1)), IMAGES),
    "RandomRotation": (lambda: layers.RandomRotation(0.1), IMAGES),
    "RandomShear": (lambda: layers.RandomShear(0.2, 0.1), IMAGES),
    "RandomTranslation": (lambda: layers.RandomTranslation(0.1, 0.2), IMAGES),
    "RandomZoom": (lambda: layers.RandomZoom(0.1), IMAGES),
    "ReLU": (lambda: layers.ReLU(max_value=1.0), ROWS),
    "RepeatVector": (lambda: layers.RepeatVector(3), ROWS),
    "Rescaling": (lambda: layers.Rescaling(0.5, offset=1.0), IMAGES),
    "Reshape": (lambda: layers.Reshape((3, 2)), ROWS),
    "Residual": (lambda: layers.Residual([layers.Dense(6, "relu"), layers.Dense(6)], activation="relu"), ROWS),
    "Resizing": (lambda: layers.Resizing(3, 3), IMAGES),
    "SeparableConv1D": (lambda: layers.SeparableConv1D(2, 3), STEPS),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(2, 3), IMAGES),
    "SimpleRNN": (lambda: layers.SimpleRNN(3), STEPS),
    "SimpleRNNCell": (lambda: layers.RNN(layers.SimpleRNNCell(3)), STEPS),
    "Softmax": (lambda: layers.Softmax(), ROWS),
    "Solarization": (lambda: layers.Solarization(0.1, 0.5, value_range=(0, 1)), IMAGES),
    "SpatialDropout1D": (lambda: layers.SpatialDropout1D(0.2), STEPS),
    "SpatialDropout2D": (lambda: layers.SpatialDropout2D(0.2), IMAGES),
    "SpatialDropout3D": (lambda: layers.SpatialDropout3D(0.2), VOLUMES),
    "SpectralNormalization": (lambda: layers.SpectralNormalization(layers.Conv2D(2, 3)), IMAGES),
    "StackedRNNCells": (lambda: layers.RNN(layers.StackedRNNCells(cells()), return_sequences=True), STEPS),
    "StringLookup": (lambda: adapted(layers.StringLookup(output_mode="multi_hot"), WORDS), WORDS),
    "TextVectorization": (lambda: adapted(layers.TextVectorization(output_mode="tf_idf"), TEXTS), TEXTS),
    "TimeDistributed": (lambda: layers.TimeDistributed(Sequential([layers.Dense(3), layers.Dense(2)])), STEPS),
    "UnitNormalization": (lambda: layers.UnitNormalization(), ROWS),
    "UpSampling1D": (lambda: layers.UpSampling1D(2), STEPS),
    "UpSampling2D": (lambda: layers.UpSampling2D(2), IMAGES),
    "UpSampling3D": (lambda: layers.UpSampling3D(2), VOLUMES),
    "ZeroPadding1D": (lambda: layers.ZeroPadding1D(1), STEPS),
    "ZeroPadding2D": (lambda: layers.ZeroPadding2D(((1, 0), (0, 1))), IMAGES),
    "ZeroPadding3D": (lambda: layers.ZeroPadding3D(1), VOLUMES),
}


def model_of(name, optimizer="adam"):
    """A compiled model with the layer of that name and a Dense layer on top, and its data (x, y)."""
    make, x = CASES[name]
    made = make()
    first = layers.Input(x.shape[1:], dtype="string" if x.dtype == object else None)
    model = Sequential([first, *(made if isinstance(made, list) else [made]), layers.Flatten(), layers.Dense(2)])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model, (x, np.tile(np.eye(2, dtype="float32"), (4, 1)))
