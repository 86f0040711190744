"""Losses and their gradients."""

import numpy as np

from cdl.reference.activations import log_softmax, sigmoid, softmax


def total_and_gradient(values, gradient, weight, scale):
    """The total of the weighted values, and its gradient from the gradient of each row's value."""
    weight = np.ones_like(values) if weight is None else weight
    return float(scale * (weight * values).sum()), (scale * weight[..., None] * gradient).astype(gradient.dtype)


def mean_squared_error(y_true, y_pred):
    return ((y_pred - y_true) ** 2).mean(axis=-1)


def mean_squared_error_gradient(y_true, y_pred, weight, scale):
    gradient = 2 * (y_pred - y_true) / y_pred.shape[-1]
    return total_and_gradient(mean_squared_error(y_true, y_pred), gradient, weight, scale)


def mean_absolute_error(y_true, y_pred):
    return np.abs(y_pred - y_true).mean(axis=-1)


def mean_absolute_error_gradient(y_true, y_pred, weight, scale):
    gradient = np.sign(y_pred - y_true) / y_pred.shape[-1]
    return total_and_gradient(mean_absolute_error(y_true, y_pred), gradient, weight, scale)


def smooth_binary(y_true, label_smoothing):
    return y_true * (1 - label_smoothing) + label_smoothing / 2


def smooth_categorical(y_true, label_smoothing):
    return y_true * (1 - label_smoothing) + label_smoothing / y_true.shape[-1]


def binary_crossentropy(y_true, y_pred, from_logits, epsilon, label_smoothing):
    t = smooth_binary(y_true, label_smoothing)
    if from_logits:
        return (np.maximum(y_pred, 0) - y_pred * t + np.log1p(np.exp(-np.abs(y_pred)))).mean(axis=-1)
    p = np.clip(y_pred, epsilon, 1 - epsilon)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(axis=-1)


def binary_crossentropy_gradient(y_true, y_pred, from_logits, epsilon, label_smoothing, weight, scale):
    values = binary_crossentropy(y_true, y_pred, from_logits, epsilon, label_smoothing)
    t = smooth_binary(y_true, label_smoothing)
    if from_logits:
        gradient = sigmoid(y_pred) - t
    else:
        p = np.clip(y_pred, epsilon, 1 - epsilon)
        gradient = (p - t) / (p * (1 - p)) * (p == y_pred)
    return total_and_gradient(values, gradient / y_pred.shape[-1], weight, scale)


def categorical_crossentropy(y_true, y_pred, from_logits, epsilon, label_smoothing):
    t = smooth_categorical(y_true, label_smoothing)
    if from_logits:
        return -np.where(t == 0, 0, t * log_softmax(y_pred)).sum(axis=-1)  # 0 log 0 = 0
    p = np.clip(y_pred / y_pred.sum(axis=-1, keepdims=True), epsilon, 1 - epsilon)
    return -(t * np.log(p)).sum(axis=-1)


def categorical_crossentropy_gradient(y_true, y_pred, from_logits, epsilon, label_smoothing, weight, scale):
    values = categorical_crossentropy(y_true, y_pred, from_logits, epsilon, label_smoothing)
    t = smooth_categorical(y_true, label_smoothing)
    if from_logits:
        gradient = softmax(y_pred) * t.sum(axis=-1, keepdims=True) - t
    else:
        s = y_pred.sum(axis=-1, keepdims=True)
        q = y_pred / s
        p = np.clip(q, epsilon, 1 - epsilon)
        u = -t / p * (p == q)
        gradient = (u - (u * q).sum(axis=-1, keepdims=True)) / s
    return total_and_gradient(values, gradient, weight, scale)


def one_hot(labels, y_pred):
    return (labels[..., None] == np.arange(y_pred.shape[-1])).astype(y_pred.dtype)


def sparse_categorical_crossentropy(labels, y_pred, from_logits, epsilon):
    return categorical_crossentropy(one_hot(labels, y_pred), y_pred, from_logits, epsilon, 0.0)


def sparse_categorical_crossentropy_gradient(labels, y_pred, from_logits, epsilon, weight, scale):
    t = one_hot(labels, y_pred)
    return categorical_crossentropy_gradient(t, y_pred, from_logits, epsilon, 0.0, weight, scale)
