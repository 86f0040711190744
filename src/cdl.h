/* cdl.h - the C core: one table of primitives for each element type.
 *
 * Every function is reached through `cdl_primitives`; `cdl_table(is_double)` returns the table for the instruction set in
 * use.  `void *` means `real *`: float or double, as the table's name says.  Arrays are dense, C order, and do not overlap
 * unless a comment allows it.  Sizes are in elements and may be zero.  Nothing is checked here: the caller has checked
 * (cdl/ops/).  Functions that need scratch memory return 0, or -1 when memory is exhausted (outputs are then undefined).
 *
 * Letters: n rows, i input features, o output features, d features of a row, c channels; m n k sizes of a matrix product.
 */
#ifndef CDL_H
#define CDL_H

#include <stddef.h>
#include <stdint.h>

/* An element-wise function y = f(x), with up to three parameters p (cdl/ops/activations.py names them).
 * The order is that of FUNCTIONS there. */
typedef enum {
    CDL_LINEAR,         /* x */
    CDL_RELU,           /* max(x, 0) */
    CDL_SIGMOID,        /* 1 / (1 + exp(-x)) */
    CDL_TANH,
    CDL_CLIPPED_RELU,   /* x<threshold: slope*(x-threshold), else min(x, max_value)   p = slope, max_value, threshold */
    CDL_ELU,            /* x>0: x, else alpha*(exp(x)-1)                              p = alpha */
    CDL_SELU,           /* 1.0507009873554805 * elu(x, alpha = 1.6732632423543772) */
    CDL_CELU,           /* max(x,0) + min(alpha*(exp(x/alpha)-1), 0)                  p = alpha */
    CDL_GELU,           /* x/2 * (1 + erf(x/sqrt(2))) */
    CDL_GELU_TANH,      /* x/2 * (1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3))) */
    CDL_HARD_SIGMOID,   /* clip(x/6 + 1/2, 0, 1) */
    CDL_LOG_SIGMOID,    /* -softplus(-x) */
    CDL_SILU,           /* x * sigmoid(x) */
    CDL_HARD_SILU,      /* x * hard_sigmoid(x) */
    CDL_HARD_TANH,      /* clip(x, -1, 1) */
    CDL_TANH_SHRINK,    /* x - tanh(x) */
    CDL_SOFTPLUS,       /* log(1 + exp(x)) */
    CDL_SOFTSIGN,       /* x / (1 + |x|) */
    CDL_SQUAREPLUS,     /* (x + sqrt(x^2 + b)) / 2                                    p = b */
    CDL_EXPONENTIAL,    /* exp(x) */
    CDL_MISH,           /* x * tanh(softplus(x)) */
    CDL_HARD_SHRINK,    /* |x|<=threshold: 0, else x                                  p = threshold */
    CDL_SOFT_SHRINK,    /* sign(x) * max(|x|-threshold, 0)                            p = threshold */
    CDL_THRESHOLD,      /* x<=threshold: default, else x                              p = threshold, default */
    CDL_SPARSE_PLUS,    /* x<=-1: 0, x>=1: x, else (x+1)^2/4 */
    CDL_SPARSE_SIGMOID, /* clip((x+1)/2, 0, 1) */
} cdl_function;

/* Those up to here have derivatives that are functions of y alone, so a matrix product can apply them as it stores. */
#define CDL_LAST_FUSABLE CDL_TANH

typedef struct {
    cdl_function function;
    double p[3];
} cdl_activation;

/* A matrix that is read: element (r, c) is at data[r*row + c*column].  One of the two strides is 1 (or the extent is). */
typedef struct {
    const void *data;
    ptrdiff_t row, column;
} cdl_matrix;

/* Windows over the three spatial axes of images, as convolution and pooling see them; an axis that is not there has size 1,
 * and the axes that are there come last.  Along an axis, window number p covers the positions  p*stride - before + t*dilation,
 * t = 0 .. size-1;  those outside [0, in) are padding.  There are `out` windows along it. */
typedef struct {
    ptrdiff_t in[3], out[3], size[3], stride[3], dilation[3], before[3];
} cdl_windows;

/* What lies outside an image: fill_value, its last pixel, the image mirrored, the image again. */
typedef enum {
    CDL_FILL_CONSTANT,  /* k k k | a b c | k k k */
    CDL_FILL_NEAREST,   /* a a a | a b c | c c c */
    CDL_FILL_REFLECT,   /* c b a | a b c | c b a */
    CDL_FILL_WRAP,      /* a b c | a b c | a b c */
} cdl_fill_mode;

/* Images x[n,h,w,c] from which images y[n,out_h,out_w,c] are made; h, w > 0 unless CDL_FILL_CONSTANT. */
typedef struct {
    ptrdiff_t n, h, w, c, out_h, out_w;
    int bilinear;               /* else the nearest pixel */
    cdl_fill_mode fill_mode;
    double fill_value;
} cdl_sampling;

/* A recurrent layer with g gates over x[n,t,i], from the state h0[n,u] on. */
typedef struct {
    ptrdiff_t n, t, i, u;
    const void *x, *h0;
    const void *kernel, *recurrent_kernel;      /* [i,g*u], [u,g*u] */
    const void *bias;                           /* [g*u], or as in cdl/ops/recurrence.py; NULL for zeros */
    const unsigned char *mask;                  /* [n,t]: 0 where a step is left out; NULL for ones */
    int every_step;                             /* h[n,t,u] of all steps is wanted, else that of the last one, h[n,u] */
} cdl_sequence;

/* What comes back to it, and what it makes of that.  dx, and dkernel, drecurrent_kernel, dbias together, may be NULL. */
typedef struct {
    const void *dh;                             /* as h, with an every_step of its own */
    int every_step;
    void *dx, *dh0, *dkernel, *drecurrent_kernel, *dbias;
} cdl_sequence_gradients;

/* One variable in an optimizer's step. */
typedef struct {
    ptrdiff_t size;
    void *value;
    const void *grad;
    void *slot[3];      /* the rule's state, in the order of its comment; NULL for what it does not keep */
    double decay;       /* first, value -= value * decay   (learning rate times weight decay; 0 for none) */
} cdl_parameter;

/* A step of an optimizer: `count` variables, and numbers, of which each rule reads its own.  Their names are those of
 * cdl/ops/rules.py, where learning_rate is that of the formula: corrected for bias and so on. */
typedef struct {
    ptrdiff_t count;
    const cdl_parameter *parameters;
    double learning_rate, gradient_rate, momentum, rho, beta_1, beta_2, epsilon;
    int nesterov, centered;
    double power, beta, l1, l2, l2_shrinkage;
} cdl_step;

typedef void (*cdl_rule)(const cdl_step *step);

/* A loss of the rows of y_pred[n,d], for which each loss function computes
 *     value[r] for each row r,     dy[r,:] = scale * weight[r] * d value[r] / d y_pred[r,:]
 * and returns scale * (the sum over rows of weight[r] * value[r]). */
typedef struct {
    ptrdiff_t n, d;
    const void *y_true;         /* [n,d]; or int32_t labels[n] */
    const void *y_pred;
    const void *weight;         /* [n]; NULL for ones */
    double scale;
    int from_logits;            /* from here on, crossentropies only */
    double epsilon;             /* probabilities are clipped to [epsilon, 1 - epsilon] */
    double label_smoothing;
    void *values, *dy;          /* results; NULL if not wanted */
} cdl_loss;

typedef double (*cdl_loss_function)(const cdl_loss *loss);

typedef struct {
    /* c[m,n] = f(a[m,k] b[k,n] + bias[n]), or c += a b when `accumulate`; bias may be NULL.  f: CDL_LINEAR..CDL_LAST_FUSABLE.
     * Each element is one chain of multiply-adds over k in order. */
    int (*gemm)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, cdl_matrix a, cdl_matrix b, const void *bias, cdl_function f,
                int accumulate, void *c, ptrdiff_t c_row);

    /* y[n,o] = f(x[n,i] kernel[i,o] + bias[o]). */
    int (*linear)(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const void *x, const void *kernel, const void *bias,
                  cdl_function f, void *y);

    /* dz = dy * f'(y);  dkernel = x' dz;  dbias = sum over rows of dz;  dx = dz kernel'.
     * dkernel, dbias, dx: each may be NULL, and is then not computed. */
    int (*linear_backward)(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const void *x, const void *kernel, const void *y,
                           const void *dy, cdl_function f, void *dx, void *dkernel, void *dbias);

    /* total[d] = sum over rows of x[n,d]. */
    int (*column_sum)(ptrdiff_t n, ptrdiff_t d, const void *x, void *total);

    /* Images are x[n, in[0], in[1], in[2], channels].  y[n,out..,o] = f(bias[o] + sum of x[n, window, i] kernel[size..,i,o]);
     * with groups, kernel[size.., i / groups, o], and outputs see their own part of the channels. */
    int (*convolution)(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *windows, const void *x,
                       const void *kernel, const void *bias, cdl_function f, void *y);
    /* dz = dy * f'(y), and the gradients, each unless it is NULL. */
    int (*convolution_backward)(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *windows,
                                const void *x, const void *kernel, const void *y, const void *dy, cdl_function f, void *dx,
                                void *dkernel, void *dbias);
    /* The windows lie over y[n,in..,o], and x[n,out..,i] has one pixel for each: x adds x * kernel[size..,o,i] to them. */
    int (*convolution_transpose)(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *windows, const void *x,
                                 const void *kernel, const void *bias, cdl_function f, void *y);
    int (*convolution_transpose_backward)(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *windows, const void *x,
                                          const void *kernel, const void *y, const void *dy, cdl_function f, void *dx,
                                          void *dkernel, void *dbias);

    /* Recurrent layers.  Formulas: cdl/ops/recurrence.py.  kept[t,parts,n,u], with 1, 6 and 5 parts, is for the way back; NULL
     * if there will be none.  dc: NULL for zeros. */
    int (*simple_rnn)(const cdl_sequence *q, cdl_function f, void *h, void *kept);
    int (*simple_rnn_backward)(const cdl_sequence *q, cdl_function f, const void *kept, const cdl_sequence_gradients *g);
    int (*lstm)(const cdl_sequence *q, const void *c0, void *h, void *c, void *kept);
    int (*lstm_backward)(const cdl_sequence *q, const void *c0, const void *kept, const cdl_sequence_gradients *g,
                         const void *dc, void *dc0);
    int (*gru)(const cdl_sequence *q, int reset_after, void *h, void *kept);
    int (*gru_backward)(const cdl_sequence *q, int reset_after, const void *kept, const cdl_sequence_gradients *g);

    /* The largest, or the mean, of the elements of each window that lie inside x[n,in..,c]; every window has some.
     * A gradient goes to the first of several largest elements. */
    void (*max_pool)(ptrdiff_t n, ptrdiff_t c, const cdl_windows *windows, const void *x, void *y);
    void (*max_pool_backward)(ptrdiff_t n, ptrdiff_t c, const cdl_windows *windows, const void *x, const void *y,
                              const void *dy, void *dx);
    void (*average_pool)(ptrdiff_t n, ptrdiff_t c, const cdl_windows *windows, const void *x, void *y);
    void (*average_pool_backward)(ptrdiff_t n, ptrdiff_t c, const cdl_windows *windows, const void *dy, void *dx);

    /* Mean and (biased) variance of each channel of x[n,c];  y = gamma * (x - mean) / sqrt(variance + epsilon) + beta.
     * gamma, beta: NULL for ones, zeros. */
    int (*batch_norm)(ptrdiff_t n, ptrdiff_t c, const void *x, const void *gamma, const void *beta, double epsilon, void *y,
                      void *mean, void *variance);
    /* The gradients, mean and variance being functions of x.  dx: NULL if not wanted. */
    int (*batch_norm_backward)(ptrdiff_t n, ptrdiff_t c, const void *x, const void *gamma, const void *mean,
                               const void *variance, const void *dy, double epsilon, void *dx, void *dgamma, void *dbeta);
    /* y[n,c] = x[n,c] * scale[c] + shift[c]. */
    void (*scale_shift)(ptrdiff_t n, ptrdiff_t c, const void *x, const void *scale, const void *shift, void *y);
    /* Row by row: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, and the gradients.  gamma, beta, dgamma, dbeta
     * may be NULL. */
    void (*layer_norm)(ptrdiff_t n, ptrdiff_t d, const void *x, const void *gamma, const void *beta, double epsilon, void *y);
    int (*layer_norm_backward)(ptrdiff_t n, ptrdiff_t d, const void *x, const void *gamma, const void *dy, double epsilon,
                               void *dx, void *dgamma, void *dbeta);
    /* Row by row: y = gamma * x / sqrt(mean(x^2) + epsilon), and the gradients. */
    void (*rms_norm)(ptrdiff_t n, ptrdiff_t d, const void *x, const void *gamma, double epsilon, void *y);
    int (*rms_norm_backward)(ptrdiff_t n, ptrdiff_t d, const void *x, const void *gamma, const void *dy, double epsilon,
                             void *dx, void *dgamma);

    /* y = f(x), element by element.  y may be x. */
    void (*activation)(cdl_activation f, ptrdiff_t size, const void *x, void *y);
    /* dx = dy * f'(x).  y = f(x) is given too: f' is computed from whichever is better.  dx may be dy. */
    void (*activation_backward)(cdl_activation f, ptrdiff_t size, const void *x, const void *y, const void *dy, void *dx);

    /* Row by row: y = exp(x - max x) / sum.      dx = y * (dy - sum(dy * y)). */
    void (*softmax)(ptrdiff_t n, ptrdiff_t d, const void *x, void *y);
    void (*softmax_backward)(ptrdiff_t n, ptrdiff_t d, const void *y, const void *dy, void *dx);
    /* y = x - max x - log sum exp(x - max x).    dx = dy - exp(y) * sum(dy). */
    void (*log_softmax)(ptrdiff_t n, ptrdiff_t d, const void *x, void *y);
    void (*log_softmax_backward)(ptrdiff_t n, ptrdiff_t d, const void *y, const void *dy, void *dx);

    /* Losses: see cdl_loss.  Definitions: cdl/ops/losses.py.  y_true is int32 labels for the sparse one. */
    cdl_loss_function mean_squared_error;
    cdl_loss_function mean_absolute_error;
    cdl_loss_function binary_crossentropy;
    cdl_loss_function categorical_crossentropy;
    cdl_loss_function sparse_categorical_crossentropy;

    /* index[r] = the first position of the largest element of row r (of x[n,d], d > 0). */
    void (*argmax)(ptrdiff_t n, ptrdiff_t d, const void *x, int64_t *index);
    /* For how many rows that is label[r]; any label will do. */
    ptrdiff_t (*count_argmax)(ptrdiff_t n, ptrdiff_t d, const void *x, const int32_t *label);
    /* sums[g] = x[order[start[g]]] + ... + x[order[start[g + 1] - 1]], in this order, for rows of d and each of `groups`;
     * none is empty.  cdl_group_rows finds them. */
    void (*sum_rows)(ptrdiff_t groups, ptrdiff_t d, const void *x, const int64_t *order, const int64_t *start,
                     void *sums);

    /* Pixel (i, j) of y[r] is what lies in x[r] at row t[0] i + t[1] j + t[2], column t[3] i + t[4] j + t[5], where
     * t = transforms[r,6], in pixels. */
    void (*affine_sample)(const cdl_sampling *s, const void *x, const void *transforms, void *y);

    /* Optimizer rules, with their slots.  Formulas: cdl/ops/rules.py. */
    cdl_rule sgd;
    cdl_rule momentum;          /* velocity */
    cdl_rule adagrad;           /* sum of squares */
    cdl_rule adadelta;          /* mean square of the gradient, of the step */
    cdl_rule rmsprop;           /* mean square; with momentum, velocity; if centered, mean gradient */
    cdl_rule adam;              /* m, v; for AMSGrad, the largest v */
    cdl_rule nadam;             /* m, v */
    cdl_rule adamax;            /* m, u */
    cdl_rule lion;              /* m */
    cdl_rule ftrl;              /* n, z */

    /* total = l1 * sum |x| + l2 * sum x^2, in double precision;  out = grad + l1 * sign(x) + 2 l2 x, unless it is NULL. */
    int (*penalty)(ptrdiff_t size, const void *x, double l1, double l2, const void *grad, void *out, double *total);

    /* Random numbers: element j depends on (seed, stream, j) only.
     * uniform in [low, high);  normal(mean, deviation);
     * dropout: y[j] = 0 with probability `rate`, else x[j] / (1 - rate).  y may be x. */
    void (*random_uniform)(uint64_t seed, uint64_t stream, ptrdiff_t size, double low, double high, void *y);
    void (*random_normal)(uint64_t seed, uint64_t stream, ptrdiff_t size, double mean, double deviation, void *y);
    void (*dropout)(uint64_t seed, uint64_t stream, ptrdiff_t size, double rate, const void *x, void *y);
} cdl_primitives;

const cdl_primitives *cdl_table(int is_double);

/* out[r] = source[index[r]] for rows of row_bytes bytes each. */
void cdl_take_rows(ptrdiff_t count, ptrdiff_t row_bytes, const void *source, const int64_t *index, void *out);
/* target[index[r]] = rows[r], for different indices. */
void cdl_put_rows(ptrdiff_t count, ptrdiff_t row_bytes, const void *rows, const int64_t *index, void *target);
/* The positions of equal indices, brought together: order[start[g]], ..., order[start[g + 1] - 1] are those of used[g],
 * ascending, as used is.  0 <= index[r] < 2^32, count < 2^32.  order, used: count elements, start: count + 1.  Returns the
 * number of groups, or -1 when memory is exhausted. */
ptrdiff_t cdl_group_rows(ptrdiff_t count, const int64_t *index, int64_t *order, int64_t *start, int64_t *used);

/* The instruction set: "generic", "avx2" or "avx512".  cdl_set_isa returns 0, or -1 if the CPU or this build lacks it. */
const char *cdl_isa(void);
int cdl_set_isa(const char *name);

/* Threads used by a primitive that is large enough.  0 = as many as OpenMP would use (read at every call). */
int cdl_threads(void);
void cdl_set_threads(int count);
int cdl_has_openmp(void);

/* Blocks of 64-byte aligned memory, kept for reuse after release (the arrays that primitives return live in them).
 * cdl_take returns NULL when memory is exhausted. */
void *cdl_take(size_t bytes);
void cdl_release(void *block, size_t bytes);
size_t cdl_pooled_bytes(void);

#endif
