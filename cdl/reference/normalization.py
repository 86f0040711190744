"""Normalisation."""

import numpy as np

from cdl.reference.products import as_matrix


def scaled_shifted(x_hat, gamma, beta):
    return x_hat * (1 if gamma is None else gamma) + (0 if beta is None else beta)


def batch_norm(x, gamma, beta, epsilon):
    mean, variance = as_matrix(x).mean(axis=0), as_matrix(x).var(axis=0)
    return scaled_shifted((x - mean) / np.sqrt(variance + epsilon), gamma, beta), mean, variance


def batch_norm_backward(x, gamma, mean, variance, dy, epsilon, need_dx):
    deviation = np.sqrt(variance + epsilon)
    x_hat = (x - mean) / deviation
    dbeta, dgamma = as_matrix(dy).sum(axis=0), as_matrix(dy * x_hat).sum(axis=0)
    n = len(as_matrix(x))
    dx = scaled_shifted(dy - dbeta / n - x_hat * dgamma / n, gamma, None) / deviation
    return dx if need_dx else None, dgamma, dbeta


def scale_shift(x, scale, shift):
    return x * scale + shift


def layer_norm(x, gamma, beta, epsilon):
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return scaled_shifted((x - mean) / np.sqrt(variance + epsilon), gamma, beta)


def layer_norm_backward(x, gamma, dy, epsilon, need_dgamma, need_dbeta):
    deviation = np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)
    x_hat = (x - x.mean(axis=-1, keepdims=True)) / deviation
    g = scaled_shifted(dy, gamma, None)
    along_x_hat = (g * x_hat).mean(axis=-1, keepdims=True)
    dx = (g - g.mean(axis=-1, keepdims=True) - x_hat * along_x_hat) / deviation
    dgamma, dbeta = as_matrix(dy * x_hat).sum(axis=0), as_matrix(dy).sum(axis=0)
    return dx, dgamma if need_dgamma else None, dbeta if need_dbeta else None


def rms_norm(x, gamma, epsilon):
    return gamma * x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)


def rms_norm_backward(x, gamma, dy, epsilon):
    size = np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)
    x_hat, g = x / size, gamma * dy
    dx = (g - x_hat * (g * x_hat).mean(axis=-1, keepdims=True)) / size
    return dx, as_matrix(dy * x_hat).sum(axis=0)
