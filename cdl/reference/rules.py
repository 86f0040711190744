"""Optimizer rules."""

import numpy as np


def sgd(values, grads, decays, learning_rate):
    for value, grad, decay in zip(values, grads, decays, strict=True):
        value -= value * decay
        value -= learning_rate * grad


def momentum(values, grads, velocities, decays, learning_rate, momentum, nesterov):
    for value, grad, velocity, decay in zip(values, grads, velocities, decays, strict=True):
        value -= value * decay
        velocity[...] = momentum * velocity - learning_rate * grad
        value += momentum * velocity - learning_rate * grad if nesterov else velocity


def rmsprop(values, grads, slots, decays, learning_rate, rho, momentum, epsilon, centered):
    for value, grad, decay, s, *rest in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        s[...] = rho * s + (1 - rho) * grad**2
        denominator = s + epsilon
        if centered:
            a = rest[-1]
            a[...] = rho * a + (1 - rho) * grad
            denominator = np.maximum(s - a**2, 0) + epsilon  # a variance, below 0 by rounding only
        step = learning_rate * grad / np.sqrt(denominator)
        if momentum > 0:
            rest[0][...] = momentum * rest[0] + step
            step = rest[0]
        value -= step


def adam(values, grads, slots, decays, rate, beta_1, beta_2, epsilon, amsgrad):
    for value, grad, decay, m, v, *largest in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        m += (grad - m) * (1 - beta_1)
        v += (grad**2 - v) * (1 - beta_2)
        if amsgrad:
            np.maximum(largest[0], v, out=largest[0])
        value -= rate * m / (np.sqrt(largest[0] if amsgrad else v) + epsilon)
