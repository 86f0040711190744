/* primitives.c - everything that is compiled once for each instruction set and type.
 *
 * A unit in isa/ defines VEC_BYTES, CDL_REAL, perhaps CDL_DOUBLE, and the name of its table, CDL_TABLE.
 * All else is static: a function compiled for AVX-512 must not be found under a common name by the linker.
 */
#include <math.h>
#include <string.h>

#include "cdl.h"
#include "parallel.h"
#include "simd.h"
#include "vmath.h"

#include "activation.c"
#include "gemv.c"
#include "gemm.c"
#include "linear.c"
#include "field.c"
#include "windows.c"
#include "depthwise.c"
#include "winograd_transform.c"
#include "winograd.c"
#include "winograd_kernel_gradient.c"
#include "convolution_forward.c"
#include "convolution_input_gradient.c"
#include "convolution_kernel_gradient.c"
#include "convolution.c"
#include "recurrent.c"
#include "recurrent_back.c"
#include "simple_rnn.c"
#include "lstm.c"
#include "gru.c"
#include "pool.c"
#include "norm.c"
#include "batch_norm.c"
#include "layer_norm.c"
#include "softmax.c"
#include "loss.c"
#include "argmax.c"
#include "rows.c"
#include "sampling.c"
#include "optim.c"
#include "penalty.c"
#include "random.c"

extern const cdl_primitives CDL_TABLE;

const cdl_primitives CDL_TABLE = {
    .activation = activation,
    .activation_backward = activation_backward,
    .gemm = gemm,
    .linear = linear,
    .linear_backward = linear_backward,
    .column_sum = column_sum,
    .convolution = convolution,
    .convolution_backward = convolution_backward,
    .convolution_transpose = convolution_transpose,
    .convolution_transpose_backward = convolution_transpose_backward,
    .simple_rnn = simple_rnn,
    .simple_rnn_backward = simple_rnn_backward,
    .lstm = lstm,
    .lstm_backward = lstm_backward,
    .gru = gru,
    .gru_backward = gru_backward,
    .max_pool = max_pool,
    .max_pool_backward = max_pool_backward,
    .average_pool = average_pool,
    .average_pool_backward = average_pool_backward,
    .batch_norm = batch_norm,
    .batch_norm_backward = batch_norm_backward,
    .scale_shift = scale_shift,
    .layer_norm = layer_norm,
    .layer_norm_backward = layer_norm_backward,
    .rms_norm = rms_norm,
    .rms_norm_backward = rms_norm_backward,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .log_softmax = log_softmax,
    .log_softmax_backward = log_softmax_backward,
    .mean_squared_error = mean_squared_error,
    .mean_absolute_error = mean_absolute_error,
    .binary_crossentropy = binary_crossentropy,
    .categorical_crossentropy = categorical_crossentropy,
    .sparse_categorical_crossentropy = sparse_categorical_crossentropy,
    .argmax = argmax,
    .count_argmax = count_argmax,
    .sum_rows = sum_rows,
    .affine_sample = affine_sample,
    .sgd = sgd,
    .momentum = momentum,
    .adagrad = adagrad,
    .adadelta = adadelta,
    .rmsprop = rmsprop,
    .adam = adam,
    .nadam = nadam,
    .adamax = adamax,
    .lion = lion,
    .ftrl = ftrl,
    .penalty = penalty,
    .random_uniform = random_uniform,
    .random_normal = random_normal,
    .dropout = dropout,
};
