/* softmax.c - softmax and log-softmax, row by row; loss.c builds on the same steps. */
#include "cdl.h"
#include "parallel.h"
#include "vmath.h"

/* v, with zeros from lane n on. */
static inline vec only_first(vec v, ptrdiff_t n)
{
    return n >= VL ? v : (vec)((mask)v & first(n));
}

/* p[0..n), then -infinity: the neutral element of the maximum, and of a sum of exp. */
static inline vec load_logits(const real *p, ptrdiff_t n)
{
    return n >= VL ? load(p) : vselect(first(n), load_n(p, n), splat(-__builtin_inf()));
}

static inline vec row_max(ptrdiff_t d, const real *x)
{
    lanes largest = lanes_of(-__builtin_inf());
    for (ptrdiff_t j = 0; j < d; j += LANES)
        for (int p = 0; p < PARTS && j + p * VL < d; p++)
            largest.part[p] = vmax(load_logits(x + j + p * VL, d - j - p * VL), largest.part[p]);
    return fold(largest, vmax);
}

/* y = exp(x - largest) unless y is NULL; returned: their sum. */
static inline vec row_exp(ptrdiff_t d, const real *x, vec largest, real *y)
{
    lanes sum = lanes_of(0);
    for (ptrdiff_t j = 0; j < d; j += LANES)
        for (int p = 0; p < PARTS && j + p * VL < d; p++) {
            ptrdiff_t k = j + p * VL;
            vec e = vexp(load_logits(x + k, d - k) - largest);
            if (y != NULL)
                store_n(y + k, d - k, e);
            sum.part[p] += e;
        }
    return fold(sum, vadd);
}

typedef struct {
    ptrdiff_t d;
    const real *x, *dy;
    real *out;
} rows_job;

static void run_rows(ptrdiff_t n, ptrdiff_t d, const void *x, const void *dy, void *out, double cost_of_byte,
                     cdl_task *task)
{
    rows_job job = {d, x, dy, out};
    cdl_parallel(n, 1, (double)n * ((double)d * (double)sizeof(real) * cost_of_byte + 20), task, &job);
}

static void softmax_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const rows_job *job = arg;
    ptrdiff_t d = job->d;
    for (ptrdiff_t r = begin; r < end; r++) {
        const real *x = job->x + r * d;
        real *y = job->out + r * d;
        vec scale = splat(1) / row_exp(d, x, row_max(d, x), y);
        for (ptrdiff_t j = 0; j < d; j += VL)
            store_n(y + j, d - j, load_n(y + j, d - j) * scale);
    }
}

static void softmax(ptrdiff_t n, ptrdiff_t d, const void *x, void *y)
{
    run_rows(n, d, x, NULL, y, 0.3, softmax_task);
}

static void softmax_backward_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const rows_job *job = arg;
    ptrdiff_t d = job->d;
    for (ptrdiff_t r = begin; r < end; r++) {
        const real *y = job->x + r * d, *dy = job->dy + r * d;
        real *dx = job->out + r * d;
        lanes sum = lanes_of(0);
        for (ptrdiff_t j = 0; j < d; j += LANES)
            for (int p = 0; p < PARTS && j + p * VL < d; p++) {
                ptrdiff_t k = j + p * VL;
                sum.part[p] = vfma(load_n(y + k, d - k), load_n(dy + k, d - k), sum.part[p]);
            }
        vec mean = fold(sum, vadd);
        for (ptrdiff_t j = 0; j < d; j += VL)
            store_n(dx + j, d - j, load_n(y + j, d - j) * (load_n(dy + j, d - j) - mean));
    }
}

static void softmax_backward(ptrdiff_t n, ptrdiff_t d, const void *y, const void *dy, void *dx)
{
    run_rows(n, d, y, dy, dx, 0.1, softmax_backward_task);
}

static void log_softmax_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const rows_job *job = arg;
    ptrdiff_t d = job->d;
    for (ptrdiff_t r = begin; r < end; r++) {
        const real *x = job->x + r * d;
        real *y = job->out + r * d;
        vec largest = row_max(d, x), log_sum = vlog(row_exp(d, x, largest, NULL));
        for (ptrdiff_t j = 0; j < d; j += VL)
            store_n(y + j, d - j, load_n(x + j, d - j) - largest - log_sum);
    }
}

static void log_softmax(ptrdiff_t n, ptrdiff_t d, const void *x, void *y)
{
    run_rows(n, d, x, NULL, y, 0.3, log_softmax_task);
}

static void log_softmax_backward_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const rows_job *job = arg;
    ptrdiff_t d = job->d;
    for (ptrdiff_t r = begin; r < end; r++) {
        const real *y = job->x + r * d, *dy = job->dy + r * d;
        real *dx = job->out + r * d;
        lanes sum = lanes_of(0);
        for (ptrdiff_t j = 0; j < d; j += LANES)
            for (int p = 0; p < PARTS && j + p * VL < d; p++)
                sum.part[p] += load_n(dy + j + p * VL, d - j - p * VL);
        vec total = fold(sum, vadd);
        for (ptrdiff_t j = 0; j < d; j += VL)
            store_n(dx + j, d - j, vfma(-vexp(load_n(y + j, d - j)), total, load_n(dy + j, d - j)));
    }
}

static void log_softmax_backward(ptrdiff_t n, ptrdiff_t d, const void *y, const void *dy, void *dx)
{
    run_rows(n, d, y, dy, dx, 0.3, log_softmax_backward_task);
}
