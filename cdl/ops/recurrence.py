"""Recurrent layers over whole sequences.

Step s makes the state h_s from x_s and h_{s-1}; h_{-1} is `h0`. Products with `kernel` and `recurrent_kernel` give the
arguments of all gates side by side, in Keras' order. Where `mask` is False, the step is left out: the state stays as it
was, and x_s has no influence.

Sizes: `n` samples, `t` steps, `i` input features, `u` units, `g` gates (1, 4, 3).

    x (n, t, i), h0 (n, u), kernel (i, g u), recurrent_kernel (u, g u), bias (g u,) or None, mask bool (n, t) or None

The result `h` has the states of all steps, (n, t, u), or, unless `every_step`, that of the last alone, (n, u).
`kept` (t, parts, n, u) is what the way back needs, and h the last of its parts; None unless `need_gradient`.

The gradient `dh` belongs to the states of all steps, (n, t, u), or to that of the last step alone, (n, u). A backward
function returns dx (None unless `need_dx`), the gradients of the first states, and those of kernel, recurrent_kernel
and bias (None unless `need_dweights`). Gradients go back through all steps (Werbos, Proc. IEEE 78, 1990).
"""

from __future__ import annotations

import numpy as np

from cdl import backend
from cdl.ops.activations import FUSABLE
from cdl.ops.checks import refuse

Gradient = np.ndarray | None


def simple_rnn(
    x: np.ndarray,
    h0: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    activation: str = "tanh",
    need_gradient: bool = True,
    every_step: bool = True,
) -> tuple[np.ndarray, np.ndarray | None]:
    """h_s = f(x_s @ kernel + h_{s-1} @ recurrent_kernel + bias)    -> (h, kept (t, 1, n, u))

    `activation` f is one of `FUSABLE` (Elman, Cognitive Science 14, 1990).
    """
    _fits("simple_rnn", 1, x, h0, kernel, recurrent_kernel, mask)
    _has("simple_rnn", "bias", bias, recurrent_kernel.shape[1:])
    if activation not in FUSABLE:
        refuse("simple_rnn", f"activation is one of {sorted(FUSABLE)}. Received: {activation!r}")
    return backend.active.simple_rnn(x, h0, kernel, recurrent_kernel, bias, mask, activation, need_gradient, every_step)


def simple_rnn_backward(
    x: np.ndarray,
    h0: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    mask: np.ndarray | None,
    kept: np.ndarray,
    dh: np.ndarray,
    activation: str = "tanh",
    need_dx: bool = True,
    need_dweights: bool = True,
) -> tuple[Gradient, np.ndarray, Gradient, Gradient, Gradient]:
    """dz_s = dh_s * f'(z_s);  dh_{s-1} += dz_s @ recurrent_kernel.T

    -> (dx, dh0, dkernel, drecurrent_kernel, dbias)
    """
    _fits("simple_rnn_backward", 1, x, h0, kernel, recurrent_kernel, mask)
    _goes_back("simple_rnn_backward", x, h0, 1, kept, dh)
    return backend.active.simple_rnn_backward(
        x, h0, kernel, recurrent_kernel, mask, kept, dh, activation, need_dx, need_dweights
    )


def lstm(
    x: np.ndarray,
    h0: np.ndarray,
    c0: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    need_gradient: bool = True,
    every_step: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """zi, zf, zg, zo = x_s @ kernel + h_{s-1} @ recurrent_kernel + bias
    i, f, g, o = sigmoid(zi), sigmoid(zf), tanh(zg), sigmoid(zo);    c_s = f * c_{s-1} + i * g;    h_s = o * tanh(c_s)

    c0 (n, u) -> (h, the last c (n, u), kept (t, 6, n, u): i f g o c h)
    (Hochreiter & Schmidhuber, Neural Computation 9, 1997; Gers et al. 2000).
    """
    _fits("lstm", 4, x, h0, kernel, recurrent_kernel, mask)
    _has("lstm", "bias", bias, recurrent_kernel.shape[1:])
    _has("lstm", "c0", c0, h0.shape)
    return backend.active.lstm(x, h0, c0, kernel, recurrent_kernel, bias, mask, need_gradient, every_step)


def lstm_backward(
    x: np.ndarray,
    h0: np.ndarray,
    c0: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    mask: np.ndarray | None,
    kept: np.ndarray,
    dh: np.ndarray,
    dc: np.ndarray | None = None,
    need_dx: bool = True,
    need_dweights: bool = True,
) -> tuple[Gradient, np.ndarray, np.ndarray, Gradient, Gradient, Gradient]:
    """do = dh_s * tanh(c_s);  dc_s += dh_s * o * (1 - tanh(c_s)^2);  di, df, dg = dc_s * (g, c_{s-1}, i)
    dz = (di, df, dg, do) times the gates' derivatives;  dc_{s-1} = dc_s * f;  dh_{s-1} += dz @ recurrent_kernel.T

    dc (n, u): the gradient of the last c, None for zeros. -> (dx, dh0, dc0, dkernel, drecurrent_kernel, dbias)
    """
    _fits("lstm_backward", 4, x, h0, kernel, recurrent_kernel, mask)
    _goes_back("lstm_backward", x, h0, 6, kept, dh)
    _has("lstm_backward", "c0", c0, h0.shape)
    _has("lstm_backward", "dc", dc, h0.shape)
    return backend.active.lstm_backward(x, h0, c0, kernel, recurrent_kernel, mask, kept, dh, dc, need_dx, need_dweights)


def gru(
    x: np.ndarray,
    h0: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    reset_after: bool = True,
    need_gradient: bool = True,
    every_step: bool = True,
) -> tuple[np.ndarray, np.ndarray | None]:
    """z, r = sigmoid(x_s @ kernel + h_{s-1} @ recurrent_kernel + bias) of the first two gates
    g = tanh(x_s @ kernel_g + bias_g + q);    h_s = z * h_{s-1} + (1 - z) * g

    with q = r * p, p = h_{s-1} @ recurrent_kernel_g + recurrent_bias_g if `reset_after`; then the bias is (2, 3u): its
    rows go with kernel and recurrent_kernel. Else q = p @ recurrent_kernel_g, p = r * h_{s-1}, and the bias is (3u,).
    -> (h, kept (t, 5, n, u): z r g p h) (Cho et al. 2014).
    """
    _fits("gru", 3, x, h0, kernel, recurrent_kernel, mask)
    gates = recurrent_kernel.shape[1:]
    _has("gru", "bias", bias, (2, *gates) if reset_after else gates)
    return backend.active.gru(x, h0, kernel, recurrent_kernel, bias, mask, reset_after, need_gradient, every_step)


def gru_backward(
    x: np.ndarray,
    h0: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    mask: np.ndarray | None,
    kept: np.ndarray,
    dh: np.ndarray,
    reset_after: bool = True,
    need_dx: bool = True,
    need_dweights: bool = True,
) -> tuple[Gradient, np.ndarray, Gradient, Gradient, Gradient]:
    """dz = dh_s * (h_{s-1} - g) * z * (1 - z);  dg = dh_s * (1 - z) * (1 - g^2);  dh_{s-1} = dh_s * z + ...

    and r's from dg's; the bias has gradients of its own shape. -> (dx, dh0, dkernel, drecurrent_kernel, dbias)
    """
    _fits("gru_backward", 3, x, h0, kernel, recurrent_kernel, mask)
    _goes_back("gru_backward", x, h0, 5, kept, dh)
    return backend.active.gru_backward(
        x, h0, kernel, recurrent_kernel, mask, kept, dh, reset_after, need_dx, need_dweights
    )


def _fits(
    who: str,
    gates: int,
    x: np.ndarray,
    h0: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    mask: np.ndarray | None,
) -> None:
    if x.ndim != 3 or h0.ndim != 2 or x.shape[0] != h0.shape[0]:
        refuse(who, f"x is (samples, steps, features), h0 (samples, units). Received: x {x.shape}, h0 {h0.shape}")
    units = h0.shape[1]
    if kernel.shape != (x.shape[2], gates * units) or recurrent_kernel.shape != (units, gates * units):
        refuse(
            who,
            f"kernel {kernel.shape} and recurrent_kernel {recurrent_kernel.shape} do not fit {x.shape[2]} features and "
            f"{units} units with {gates} gates",
        )
    if mask is not None and (mask.shape != x.shape[:2] or mask.dtype != bool):
        refuse(who, f"mask is bool {x.shape[:2]}. Received: {mask.dtype} {mask.shape}")


def _goes_back(who: str, x: np.ndarray, h0: np.ndarray, parts: int, kept: np.ndarray, dh: np.ndarray) -> None:
    n, t, _ = x.shape
    if kept.shape != (t, parts, *h0.shape) or dh.shape not in ((n, t, h0.shape[1]), h0.shape):
        refuse(who, f"shapes disagree: x {x.shape}, h0 {h0.shape}, kept {kept.shape}, dh {dh.shape}")
    if t == 0 and dh.ndim == 2:
        refuse(who, f"there is no last step (x {x.shape})")


def _has(who: str, name: str, array: np.ndarray | None, shape: tuple[int, ...]) -> None:
    if array is not None and array.shape != shape:
        refuse(who, f"{name} has shape {array.shape}, not {shape}")
