/* activation.c - element-wise functions and their derivatives.
 *
 * f_name(x, p) is the function and df_name(x, y, p) its derivative, for one register; `apply` is the loop around them.
 * To add one: its name in cdl_function (cdl.h), the pair here, its line in activation_task, its meaning in cdl/reference.
 * Where a function has a kink, the derivative is the one that Keras' backends take.  A NaN in x is a NaN in y.
 */
#include "cdl.h"
#include "parallel.h"
#include "vmath.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"     /* all share a signature, few need all of it */

static inline vec one_if(mask m)
{
    return vselect(m, splat(1), splat(0));
}

static inline vec clip(vec x, vec low, vec high)
{
    return vmax(low, vmin(high, x));
}

/* ---- Piecewise linear --------------------------------------------------------------------------------------------- */

static inline vec f_linear(vec x, const vec *p) { return x; }
static inline vec df_linear(vec x, vec y, const vec *p) { return splat(1); }

static inline vec f_relu(vec x, const vec *p) { return vmax(splat(0), x); }
static inline vec df_relu(vec x, vec y, const vec *p) { return one_if(y > splat(0)); }

/* p = slope, max_value, threshold */
static inline vec f_clipped_relu(vec x, const vec *p)
{
    return vselect(x > p[2], vmin(p[1], x), p[0] * (x - p[2]));
}

static inline vec df_clipped_relu(vec x, vec y, const vec *p)
{
    return vselect(x > p[2], one_if(x < p[1]), p[0]);
}

static inline vec f_hard_sigmoid(vec x, const vec *p)
{
    return clip(vfma(x, splat(1. / 6), splat(0.5)), splat(0), splat(1));
}

static inline vec df_hard_sigmoid(vec x, vec y, const vec *p)
{
    return vselect(vabs(x) < splat(3), splat(1. / 6), splat(0));
}

static inline vec f_hard_silu(vec x, const vec *p) { return x * f_hard_sigmoid(x, p); }
static inline vec df_hard_silu(vec x, vec y, const vec *p)
{
    return vfma(x, df_hard_sigmoid(x, y, p), f_hard_sigmoid(x, p));
}

static inline vec f_hard_tanh(vec x, const vec *p) { return clip(x, splat(-1), splat(1)); }
static inline vec df_hard_tanh(vec x, vec y, const vec *p) { return one_if(vabs(x) < splat(1)); }

/* p = threshold */
static inline vec f_hard_shrink(vec x, const vec *p) { return vselect(vabs(x) <= p[0], splat(0), x); }
static inline vec df_hard_shrink(vec x, vec y, const vec *p) { return one_if(vabs(x) > p[0]); }

/* p = threshold */
static inline vec f_soft_shrink(vec x, const vec *p) { return x - clip(x, -p[0], p[0]); }
static inline vec df_soft_shrink(vec x, vec y, const vec *p) { return one_if(vabs(x) > p[0]); }

/* p = threshold, default */
static inline vec f_threshold(vec x, const vec *p) { return vselect(x <= p[0], p[1], x); }
static inline vec df_threshold(vec x, vec y, const vec *p) { return one_if(x > p[0]); }

static inline vec f_sparse_sigmoid(vec x, const vec *p)
{
    return clip(vfma(x, splat(0.5), splat(0.5)), splat(0), splat(1));
}

static inline vec df_sparse_sigmoid(vec x, vec y, const vec *p)
{
    return vselect(vabs(x) < splat(1), splat(0.5), splat(0));
}

static inline vec f_sparse_plus(vec x, const vec *p)
{
    vec half = vfma(x, splat(0.5), splat(0.5));
    return vselect(x <= splat(-1), splat(0), vselect(x < splat(1), half * half, x));
}

static inline vec df_sparse_plus(vec x, vec y, const vec *p) { return f_sparse_sigmoid(x, p); }

/* ---- Rational ----------------------------------------------------------------------------------------------------- */

static inline vec f_softsign(vec x, const vec *p) { return x / (splat(1) + vabs(x)); }
static inline vec df_softsign(vec x, vec y, const vec *p)
{
    vec r = splat(1) / (splat(1) + vabs(x));
    return r * r;
}

/* p = b.  The product of f(x) and f(-x) is b/4, which gives f below 0 without cancellation. */
static inline vec f_squareplus(vec x, const vec *p)
{
    vec large = (vabs(x) + vsqrt(vfma(x, x, p[0]))) * splat(0.5);
    return vselect(x < splat(0), p[0] * splat(0.25) / large, large);
}

static inline vec df_squareplus(vec x, vec y, const vec *p)
{
    return y / vsqrt(vfma(x, x, p[0]));
}

/* ---- Of exp ------------------------------------------------------------------------------------------------------- */

static inline vec f_exponential(vec x, const vec *p) { return vexp(x); }
static inline vec df_exponential(vec x, vec y, const vec *p) { return y; }

static inline vec f_sigmoid(vec x, const vec *p) { return vsigmoid(x); }
static inline vec df_sigmoid(vec x, vec y, const vec *p) { return y * (splat(1) - y); }

static inline vec f_tanh(vec x, const vec *p) { return vtanh(x); }
static inline vec df_tanh(vec x, vec y, const vec *p) { return splat(1) - y * y; }

static inline vec f_tanh_shrink(vec x, const vec *p) { return x - vtanh(x); }
static inline vec df_tanh_shrink(vec x, vec y, const vec *p)
{
    vec t = vtanh(x);
    return t * t;
}

/* p = alpha */
static inline vec f_elu(vec x, const vec *p)
{
    return vselect(x > splat(0), x, p[0] * vexpm1(vmin(splat(0), x)));
}

static inline vec df_elu(vec x, vec y, const vec *p)
{
    return vselect(x > splat(0), splat(1), p[0] * vexp(x));
}

/* p = alpha (set in activation_task), scale */
static inline vec f_selu(vec x, const vec *p) { return p[1] * f_elu(x, p); }
static inline vec df_selu(vec x, vec y, const vec *p) { return p[1] * df_elu(x, y, p); }

/* p = alpha */
static inline vec f_celu(vec x, const vec *p)
{
    return vselect(x > splat(0), x, p[0] * vexpm1(vmin(splat(0), x) / p[0]));
}

static inline vec df_celu(vec x, vec y, const vec *p)
{
    return vexp(vmin(splat(0), x) / p[0]);
}

/* sigmoid(x), and its slope without the cancellation of 1 - sigmoid(x): exp(-|x|) / (1 + exp(-|x|))^2. */
static inline vec sigmoid_and_slope(vec x, vec *slope)
{
    vec e = vexp(-vabs(x)), r = splat(1) / (splat(1) + e);
    *slope = e * r * r;
    return vselect(x < splat(0), e * r, r);
}

static inline vec f_silu(vec x, const vec *p) { return x * vsigmoid(x); }
static inline vec df_silu(vec x, vec y, const vec *p)
{
    vec slope, s = sigmoid_and_slope(x, &slope);
    return vfma(x, slope, s);
}

/* The tanh of gelu_tanh is 2 sigmoid(2u) - 1, so y = x * sigmoid(2u).  2u = twice_u(x). */
#define GELU_RATE 1.5957691216057308    /* 2 sqrt(2/pi) */
#define GELU_CUBE 0.044715

static inline vec twice_u(vec x)
{
    return x * vfma(x * x, splat(GELU_RATE * GELU_CUBE), splat(GELU_RATE));
}

static inline vec f_gelu_tanh(vec x, const vec *p) { return x * vsigmoid(twice_u(x)); }
static inline vec df_gelu_tanh(vec x, vec y, const vec *p)
{
    vec inside = clip(x, splat(-30), splat(30));        /* beyond, the slope is 0 and u might overflow */
    vec slope, s = sigmoid_and_slope(twice_u(inside), &slope);
    vec du = vfma(inside * inside, splat(3 * GELU_RATE * GELU_CUBE), splat(GELU_RATE));
    return vfma(inside * slope, du, s);
}

static inline vec f_gelu(vec x, const vec *p)
{
    vec density;
    return x * vnormal(x, &density);
}

static inline vec df_gelu(vec x, vec y, const vec *p)
{
    vec density, probability = vnormal(x, &density);
    return vfma(x, density, probability);
}

static inline vec f_softplus(vec x, const vec *p) { return vmax(splat(0), x) + vlog1p(vexp(-vabs(x))); }
static inline vec df_softplus(vec x, vec y, const vec *p) { return vsigmoid(x); }

static inline vec f_log_sigmoid(vec x, const vec *p) { return -f_softplus(-x, p); }
static inline vec df_log_sigmoid(vec x, vec y, const vec *p) { return vsigmoid(-x); }

/* With e = exp(x) and w = e (e + 2):  tanh(softplus(x)) = w / (w + 2),  and its slope is 4 e (e + 1) / (w + 2)^2.
 * Both are at their limits to the last bit from x = 40 on, and w is still finite there. */
static inline vec f_mish(vec x, const vec *p)
{
    vec e = vexp(vmin(splat(40), x)), w = e * (e + splat(2));
    return x * (w / (w + splat(2)));
}

static inline vec df_mish(vec x, vec y, const vec *p)
{
    vec e = vexp(vmin(splat(40), x)), w = e * (e + splat(2)), r = splat(1) / (w + splat(2));
    return r * vfma(splat(4) * x * r, e * (e + splat(1)), w);
}

#pragma GCC diagnostic pop

/* ---- The loop ----------------------------------------------------------------------------------------------------- */

typedef struct {
    cdl_activation f;
    const real *x, *y, *dy;
    real *out;
} activation_job;

/* out = f(x), or out = dy * df(x, y) where dy is given.  f and df are constants here: each gets loops of its own. */
static inline __attribute__((always_inline)) void apply(const activation_job *job, ptrdiff_t begin, ptrdiff_t end,
                                                        vec f(vec, const vec *), vec df(vec, vec, const vec *))
{
    const real *x = job->x, *y = job->y, *dy = job->dy;
    real *out = job->out;
    const vec p[3] = {splat(job->f.p[0]), splat(job->f.p[1]), splat(job->f.p[2])};
    if (dy == NULL)
        for (ptrdiff_t j = begin; j < end; j += VL)
            store_n(out + j, end - j, f(load_n(x + j, end - j), p));
    else
        for (ptrdiff_t j = begin; j < end; j += VL)
            store_n(out + j, end - j, load_n(dy + j, end - j) * df(load_n(x + j, end - j), load_n(y + j, end - j), p));
}

/* In place, for a product that has just stored z[rows][columns]. */
static inline __attribute__((always_inline)) void each(real *z, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t row,
                                                       vec f(vec, const vec *))
{
    for (ptrdiff_t r = 0; r < rows; r++, z += row) {
        ptrdiff_t j = 0;
        for (; j + VL <= columns; j += VL)
            store(z + j, f(load(z + j), NULL));
        if (j < columns)
            store_n(z + j, columns - j, f(load_n(z + j, columns - j), NULL));
    }
}

static void sigmoids(real *z, ptrdiff_t size) { each(z, 1, size, 0, f_sigmoid); }
static void tanhs(real *z, ptrdiff_t size) { each(z, 1, size, 0, f_tanh); }

static void activation_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const activation_job *job = arg;
    switch (job->f.function) {
    case CDL_LINEAR:         apply(job, begin, end, f_linear, df_linear);                 break;
    case CDL_RELU:           apply(job, begin, end, f_relu, df_relu);                     break;
    case CDL_SIGMOID:        apply(job, begin, end, f_sigmoid, df_sigmoid);               break;
    case CDL_TANH:           apply(job, begin, end, f_tanh, df_tanh);                     break;
    case CDL_CLIPPED_RELU:   apply(job, begin, end, f_clipped_relu, df_clipped_relu);     break;
    case CDL_ELU:            apply(job, begin, end, f_elu, df_elu);                       break;
    case CDL_SELU:           apply(job, begin, end, f_selu, df_selu);                     break;
    case CDL_CELU:           apply(job, begin, end, f_celu, df_celu);                     break;
    case CDL_GELU:           apply(job, begin, end, f_gelu, df_gelu);                     break;
    case CDL_GELU_TANH:      apply(job, begin, end, f_gelu_tanh, df_gelu_tanh);           break;
    case CDL_HARD_SIGMOID:   apply(job, begin, end, f_hard_sigmoid, df_hard_sigmoid);     break;
    case CDL_LOG_SIGMOID:    apply(job, begin, end, f_log_sigmoid, df_log_sigmoid);       break;
    case CDL_SILU:           apply(job, begin, end, f_silu, df_silu);                     break;
    case CDL_HARD_SILU:      apply(job, begin, end, f_hard_silu, df_hard_silu);           break;
    case CDL_HARD_TANH:      apply(job, begin, end, f_hard_tanh, df_hard_tanh);           break;
    case CDL_TANH_SHRINK:    apply(job, begin, end, f_tanh_shrink, df_tanh_shrink);       break;
    case CDL_SOFTPLUS:       apply(job, begin, end, f_softplus, df_softplus);             break;
    case CDL_SOFTSIGN:       apply(job, begin, end, f_softsign, df_softsign);             break;
    case CDL_SQUAREPLUS:     apply(job, begin, end, f_squareplus, df_squareplus);         break;
    case CDL_EXPONENTIAL:    apply(job, begin, end, f_exponential, df_exponential);       break;
    case CDL_MISH:           apply(job, begin, end, f_mish, df_mish);                     break;
    case CDL_HARD_SHRINK:    apply(job, begin, end, f_hard_shrink, df_hard_shrink);       break;
    case CDL_SOFT_SHRINK:    apply(job, begin, end, f_soft_shrink, df_soft_shrink);       break;
    case CDL_THRESHOLD:      apply(job, begin, end, f_threshold, df_threshold);           break;
    case CDL_SPARSE_PLUS:    apply(job, begin, end, f_sparse_plus, df_sparse_plus);       break;
    case CDL_SPARSE_SIGMOID: apply(job, begin, end, f_sparse_sigmoid, df_sparse_sigmoid); break;
    }
}

/* Nanoseconds for each byte of the array on one core of a 2.4 GHz Zen 3: memory is the limit, or arithmetic. */
static double activation_cost(cdl_function f)
{
    switch (f) {
    case CDL_LINEAR: case CDL_RELU: case CDL_CLIPPED_RELU: case CDL_HARD_SIGMOID: case CDL_HARD_SILU:
    case CDL_HARD_TANH: case CDL_HARD_SHRINK: case CDL_SOFT_SHRINK: case CDL_THRESHOLD: case CDL_SPARSE_PLUS:
    case CDL_SPARSE_SIGMOID:
        return 0.03;
    default:
        return 0.25;
    }
}

static void run_activation(activation_job job, ptrdiff_t size)
{
    if (job.f.function == CDL_SELU) {
        job.f.p[0] = 1.6732632423543772;
        job.f.p[1] = 1.0507009873554805;
    }
    double cost = (double)size * (double)sizeof(real) * activation_cost(job.f.function);
    cdl_parallel(size, 1024, cost, activation_task, &job);
}

static void activation(cdl_activation f, ptrdiff_t size, const void *x, void *y)
{
    run_activation((activation_job){f, x, NULL, NULL, y}, size);
}

static void activation_backward(cdl_activation f, ptrdiff_t size, const void *x, const void *y, const void *dy,
                                void *dx)
{
    run_activation((activation_job){f, x, y, dy, dx}, size);
}
