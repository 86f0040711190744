"""Recurrent layers over whole sequences: a loop over the steps, and back."""

import numpy as np

from cdl.reference.activations import activation, sigmoid
from cdl.reference.products import as_matrix, derivative_from_output


def previous(first, states):
    """The states before each step, from those behind it."""
    return np.concatenate([first[:, None], states[:, :-1]], axis=1) if states.shape[1] else states


def of_all_steps(kept):
    """The parts of kept (t, parts, n, u), (n, t, u) each."""
    return kept.transpose(1, 2, 0, 3)


def wanted(kept, last, need_gradient, every_step):
    """h and kept, given the last h."""
    return of_all_steps(kept)[-1].copy() if every_step else last.copy(), kept if need_gradient else None


def present(mask, step):
    """Whether a sample takes part in a step. (n, 1)"""
    return True if mask is None else mask[:, step, None]


def every_step(h, dh):
    """dh, with zeros for the steps before the last if it is about that one alone."""
    if dh.shape == h.shape:
        return dh
    return np.concatenate([np.zeros_like(h[:, :-1]), dh[:, None]], axis=1)


def weight_gradients(x, before, dz, need_dweights):
    """Of kernel, recurrent_kernel and bias, from what goes into the products and the gradient of what comes out."""
    if not need_dweights:
        return None, None, None
    return as_matrix(x).T @ as_matrix(dz), as_matrix(before).T @ as_matrix(dz), as_matrix(dz).sum(axis=0)


def simple_rnn(x, h0, kernel, recurrent_kernel, bias, mask, activation_name, need_gradient, every_step):
    kept = np.empty((x.shape[1], 1, *h0.shape), x.dtype)
    for s in range(x.shape[1]):
        z = x[:, s] @ kernel + h0 @ recurrent_kernel + (0 if bias is None else bias)
        h0 = kept[s, 0] = np.where(present(mask, s), activation(z, activation_name), h0)
    return wanted(kept, h0, need_gradient, every_step)


def simple_rnn_backward(x, h0, kernel, recurrent_kernel, mask, kept, dh, activation_name, need_dx, need_dweights):
    (h,) = of_all_steps(kept)
    before, dh_of_step = previous(h0, h), every_step(h, dh)
    dz, dh = np.empty_like(h), np.zeros_like(h0)
    for s in reversed(range(x.shape[1])):
        dh = dh + dh_of_step[:, s]
        dz[:, s] = np.where(present(mask, s), dh * derivative_from_output(h[:, s], activation_name), 0)
        dh = np.where(present(mask, s), 0, dh) + dz[:, s] @ recurrent_kernel.T
    return dz @ kernel.T if need_dx else None, dh, *weight_gradients(x, before, dz, need_dweights)


def lstm(x, h0, c0, kernel, recurrent_kernel, bias, mask, need_gradient, every_step):
    kept = np.empty((x.shape[1], 6, *h0.shape), x.dtype)
    for s in range(x.shape[1]):
        z = x[:, s] @ kernel + h0 @ recurrent_kernel + (0 if bias is None else bias)
        zi, zf, zg, zo = np.split(z, 4, axis=-1)
        i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zg), sigmoid(zo)
        c = f * c0 + i * g
        h0 = np.where(present(mask, s), o * np.tanh(c), h0)
        c0 = np.where(present(mask, s), c, c0)
        kept[s] = i, f, g, o, c0, h0
    h, kept = wanted(kept, h0, need_gradient, every_step)
    return h, c0.copy(), kept


def lstm_backward(x, h0, c0, kernel, recurrent_kernel, mask, kept, dh, dc, need_dx, need_dweights):
    i, f, g, o, c, h = of_all_steps(kept)
    before, c_before, dh_of_step = previous(h0, h), previous(c0, c), every_step(h, dh)
    dz = np.empty((*x.shape[:2], kernel.shape[1]), x.dtype)
    dh, dc = np.zeros_like(h0), np.zeros_like(c0) if dc is None else dc
    for s in reversed(range(x.shape[1])):
        i_s, f_s, g_s, o_s, tanh_c = i[:, s], f[:, s], g[:, s], o[:, s], np.tanh(c[:, s])
        dh = dh + dh_of_step[:, s]
        do, dc_s = dh * tanh_c, dc + dh * o_s * (1 - tanh_c**2)
        di, df, dg = dc_s * g_s, dc_s * c_before[:, s], dc_s * i_s
        gates = [di * i_s * (1 - i_s), df * f_s * (1 - f_s), dg * (1 - g_s**2), do * o_s * (1 - o_s)]
        dz[:, s] = np.where(present(mask, s), np.concatenate(gates, axis=-1), 0)
        dc = np.where(present(mask, s), dc_s * f_s, dc)
        dh = np.where(present(mask, s), 0, dh) + dz[:, s] @ recurrent_kernel.T
    return dz @ kernel.T if need_dx else None, dh, dc.copy(), *weight_gradients(x, before, dz, need_dweights)


def gru(x, h0, kernel, recurrent_kernel, bias, mask, reset_after, need_gradient, every_step):
    u = h0.shape[1]
    kept = np.empty((x.shape[1], 5, *h0.shape), x.dtype)
    b, recurrent_b = (0, 0) if bias is None else bias if reset_after else (bias, 0)
    for s in range(x.shape[1]):
        z, r, g = np.split(x[:, s] @ kernel + b, 3, axis=-1)
        hz, hr, p = np.split(h0 @ recurrent_kernel + recurrent_b, 3, axis=-1)
        z, r = sigmoid(z + hz), sigmoid(r + hr)
        if not reset_after:
            p = r * h0
        g = np.tanh(g + (r * p if reset_after else p @ recurrent_kernel[:, 2 * u :]))
        h0 = np.where(present(mask, s), z * h0 + (1 - z) * g, h0)
        kept[s] = z, r, g, p, h0
    return wanted(kept, h0, need_gradient, every_step)


def gru_backward(x, h0, kernel, recurrent_kernel, mask, kept, dh, reset_after, need_dx, need_dweights):
    u = h0.shape[1]
    z, r, g, p, h = of_all_steps(kept)
    before, dh_of_step = previous(h0, h), every_step(h, dh)
    dz = np.empty((*x.shape[:2], 3 * u), x.dtype)  # of what the products with kernel give
    recurrent_dz = np.empty_like(dz)  # of what the products with recurrent_kernel give
    dh = np.zeros_like(h0)
    for s in reversed(range(x.shape[1])):
        z_s, r_s, g_s, p_s, h_s = z[:, s], r[:, s], g[:, s], p[:, s], before[:, s]
        dh = dh + dh_of_step[:, s]
        dh_s = np.where(present(mask, s), dh, 0)
        d_z, d_g = dh_s * (h_s - g_s) * z_s * (1 - z_s), dh_s * (1 - z_s) * (1 - g_s**2)
        if reset_after:
            d_p, through_p = d_g * r_s, 0
            d_r = d_g * p_s * r_s * (1 - r_s)
        else:
            d_p = d_g
            through_p = d_g @ recurrent_kernel[:, 2 * u :].T
            d_r = through_p * h_s * r_s * (1 - r_s)
        dz[:, s], recurrent_dz[:, s] = (
            np.concatenate([d_z, d_r, d_g], axis=-1),
            np.concatenate([d_z, d_r, d_p], axis=-1),
        )
        direct = dh_s * z_s + (dh - dh_s) + through_p * r_s
        used = 3 * u if reset_after else 2 * u
        dh = direct + recurrent_dz[:, s, :used] @ recurrent_kernel[:, :used].T
    dx = dz @ kernel.T if need_dx else None
    dkernel, drecurrent_kernel, dbias = weight_gradients(x, before, dz, need_dweights)
    if need_dweights:
        rows, recurrent_rows = as_matrix(before), as_matrix(recurrent_dz)
        drecurrent_kernel = rows.T @ recurrent_rows
        if reset_after:
            dbias = np.stack([dbias, recurrent_rows.sum(axis=0)])
        else:
            drecurrent_kernel[:, 2 * u :] = as_matrix(p).T @ recurrent_rows[:, 2 * u :]
    return dx, dh, dkernel, drecurrent_kernel, dbias
