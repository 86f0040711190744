"""The contract: every primitive's formula, shapes and checks.

A primitive takes arrays and returns new arrays; it changes none of its arguments, except that the optimizer rules
(`cdl.ops.rules`) update variables in place, which is their purpose. What these functions let pass is sound: below them
(`cdl.reference` for the meaning, in modules of the same names, `cdl._native` for the speed) nothing is checked again,
but that `_native` refuses dtypes that differ.

Letters: `x` input, `y` output, `z` before the activation; `dx` is the gradient of the final loss with respect to `x`,
and so on. Sizes: `n` rows, `i` input features, `o` output features, `d` features of a row. Where a shape begins with
`...`, any number of leading axes counts as rows.
"""

from cdl.ops.activations import (
    FUNCTION,
    FUNCTIONS,
    FUSABLE,
    activation,
    activation_backward,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from cdl.ops.convolutions import (
    convolution,
    convolution_backward,
    convolution_transpose,
    convolution_transpose_backward,
)
from cdl.ops.losses import (
    binary_crossentropy,
    binary_crossentropy_gradient,
    categorical_crossentropy,
    categorical_crossentropy_gradient,
    mean_absolute_error,
    mean_absolute_error_gradient,
    mean_squared_error,
    mean_squared_error_gradient,
    sparse_categorical_crossentropy,
    sparse_categorical_crossentropy_gradient,
)
from cdl.ops.normalization import (
    batch_norm,
    batch_norm_backward,
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
    scale_shift,
)
from cdl.ops.pooling import (
    average_pool,
    average_pool_backward,
    max_pool,
    max_pool_backward,
)
from cdl.ops.products import (
    column_sum,
    linear,
    linear_backward,
    matmul,
)
from cdl.ops.random import (
    dropout,
    random_normal,
    random_uniform,
)
from cdl.ops.recurrence import (
    gru,
    gru_backward,
    lstm,
    lstm_backward,
    simple_rnn,
    simple_rnn_backward,
)
from cdl.ops.rows import (
    FILL_MODES,
    INTERPOLATIONS,
    affine_sample,
    argmax,
    count_argmax,
    put_rows,
    sum_rows,
    take_rows,
)
from cdl.ops.rules import (
    adadelta,
    adagrad,
    adam,
    adamax,
    add_penalty,
    ftrl,
    lion,
    momentum,
    nadam,
    penalty,
    rmsprop,
    sgd,
)
