"""The meaning of every primitive of `ops`, in NumPy, in modules of the same names and in the same order.

What goes in and comes out of each, and its source, is said in `ops`; here is the formula.
Written from the definitions, for any float dtype, without checks and without thought of speed. Run a model on these
with `cdl.config.set_backend("reference")`, set a breakpoint, and watch the mathematics happen.
"""

from cdl.reference.activations import (
    activation,
    activation_backward,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)
from cdl.reference.convolutions import (
    convolution,
    convolution_backward,
    convolution_transpose,
    convolution_transpose_backward,
)
from cdl.reference.losses import (
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
from cdl.reference.normalization import (
    batch_norm,
    batch_norm_backward,
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
    scale_shift,
)
from cdl.reference.pooling import (
    average_pool,
    average_pool_backward,
    max_pool,
    max_pool_backward,
)
from cdl.reference.products import (
    column_sum,
    linear,
    linear_backward,
    matmul,
)
from cdl.reference.random import (
    dropout,
    random_normal,
    random_uniform,
)
from cdl.reference.recurrence import (
    gru,
    gru_backward,
    lstm,
    lstm_backward,
    simple_rnn,
    simple_rnn_backward,
)
from cdl.reference.rows import (
    affine_sample,
    argmax,
    count_argmax,
    first_outside,
    put_rows,
    sum_rows,
    take_rows,
)
from cdl.reference.rules import (
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
