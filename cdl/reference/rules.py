"""Optimizer rules, and penalties on weights."""

import numpy as np


def sgd(values, grads, decays, learning_rate):
    for value, grad, decay in zip(values, grads, decays, strict=True):
        value -= value * decay
        value -= learning_rate * grad


def momentum(values, grads, slots, decays, learning_rate, momentum, nesterov):
    for value, grad, decay, velocity in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        velocity[...] = momentum * velocity - learning_rate * grad
        value += momentum * velocity - learning_rate * grad if nesterov else velocity


def adagrad(values, grads, slots, decays, learning_rate, epsilon):
    for value, grad, decay, s in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        s += grad**2
        value -= learning_rate * grad / np.sqrt(s + epsilon)


def adadelta(values, grads, slots, decays, learning_rate, rho, epsilon):
    for value, grad, decay, s, d in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        s[...] = rho * s + (1 - rho) * grad**2
        step = np.sqrt(d + epsilon) / np.sqrt(s + epsilon) * grad
        d[...] = rho * d + (1 - rho) * step**2
        value -= learning_rate * step


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


def adam(values, grads, slots, decays, rate, beta_1, beta_2, epsilon):
    for value, grad, decay, m, v, *largest in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        m += (grad - m) * (1 - beta_1)
        v += (grad**2 - v) * (1 - beta_2)
        if largest:
            np.maximum(largest[0], v, out=largest[0])
        value -= rate * m / (np.sqrt(largest[0] if largest else v) + epsilon)


def nadam(values, grads, slots, decays, rate, gradient_rate, beta_1, beta_2, epsilon):
    for value, grad, decay, m, v in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        m += (grad - m) * (1 - beta_1)
        v += (grad**2 - v) * (1 - beta_2)
        value -= (rate * m + gradient_rate * grad) / (np.sqrt(v) + epsilon)


def adamax(values, grads, slots, decays, rate, beta_1, beta_2, epsilon):
    for value, grad, decay, m, u in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        m += (grad - m) * (1 - beta_1)
        u[...] = np.maximum(beta_2 * u, np.abs(grad))
        value -= rate * m / (u + epsilon)


def lion(values, grads, slots, decays, learning_rate, beta_1, beta_2):
    for value, grad, decay, m in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        value -= learning_rate * np.sign(beta_1 * m + (1 - beta_1) * grad)
        m[...] = beta_2 * m + (1 - beta_2) * grad


def ftrl(values, grads, slots, decays, learning_rate, power, beta, l1, l2, l2_shrinkage):
    for value, grad, decay, n, z in zip(values, grads, decays, *slots, strict=True):
        value -= value * decay
        before, after = n**power, (n + grad**2) ** power
        z += grad + 2 * l2_shrinkage * value - (after - before) / learning_rate * value
        value[...] = (np.clip(z, -l1, l1) - z) / ((beta + after) / learning_rate + 2 * l2)
        n += grad**2


def penalty(x, l1, l2):
    return float(np.sum(l1 * np.abs(x) + l2 * x**2, dtype=np.float64))


def add_penalty(grad, x, l1, l2):
    return penalty(x, l1, l2), grad + (l1 * np.sign(x) + 2 * l2 * x)
