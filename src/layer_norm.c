/* layer_norm.c - layer and RMS normalisation: every row by its mean and variance, or its mean square. */
#include "cdl.h"
#include "parallel.h"
#include "simd.h"

typedef struct {
    ptrdiff_t n, d;
    double epsilon;
    const real *x, *gamma, *beta, *dy;
    real *result;
    real *pairs;                                /* [blocks,2,padded] for dbeta and dgamma; NULL if neither is wanted */
    ptrdiff_t padded;                           /* d, rounded up to whole `lanes` */
} row_job;

/* In every lane: what x_hat = (x - mean) * scale needs. */
typedef struct {
    vec mean, scale;
} row_moments;

/* With `centred` = 0 the mean counts as zero: RMS normalisation. */
static inline __attribute__((always_inline)) row_moments moments_of_row(ptrdiff_t d, const real *x, double epsilon,
                                                                        int centred)
{
    const vec per_feature = splat(1.0 / (double)d);
    vec mean = splat(0);
    if (centred) {
        lanes sum = lanes_of(0);
        for (ptrdiff_t j = 0; j < d; j += LANES)
            for (int p = 0; p < PARTS; p++)
                sum.part[p] += load_n(x + j + p * VL, d - j - p * VL);
        mean = fold(sum, vadd) * per_feature;
    }
    lanes sum = lanes_of(0), squares = lanes_of(0);
    for (ptrdiff_t j = 0; j < d; j += LANES)
        for (int p = 0; p < PARTS && j + p * VL < d; p++) {
            const ptrdiff_t k = j + p * VL;
            vec deviation = load_n(x + k, d - k) - mean;
            if (d - k < VL)
                deviation = (vec)((mask)deviation & first(d - k));
            sum.part[p] += deviation;
            squares.part[p] = vfma(deviation, deviation, squares.part[p]);
        }
    vec variance = fold(squares, vadd) * per_feature;
    if (centred) {
        const vec correction = fold(sum, vadd) * per_feature;
        mean += correction;
        variance = vfma(-correction, correction, variance);
    }
    return (row_moments){mean, per_root(variance, epsilon)};
}

static inline __attribute__((always_inline)) void normalise_rows(const row_job *job, ptrdiff_t begin, ptrdiff_t end,
                                                                 int centred)
{
    const ptrdiff_t d = job->d;
    for (ptrdiff_t r = begin; r < end; r++) {
        const real *x = job->x + r * d;
        const row_moments m = moments_of_row(d, x, job->epsilon, centred);
        for (ptrdiff_t j = 0; j < d; j += VL) {
            const vec gamma = job->gamma ? load_n(job->gamma + j, d - j) : splat(1);
            const vec beta = job->beta ? load_n(job->beta + j, d - j) : splat(0);
            store_n(job->result + r * d + j, d - j, vfma((load_n(x + j, d - j) - m.mean) * m.scale, gamma, beta));
        }
    }
}

static void layer_norm_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    normalise_rows(arg, begin, end, 1);
}

static void rms_norm_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    normalise_rows(arg, begin, end, 0);
}

static void layer_norm(ptrdiff_t n, ptrdiff_t d, const void *x, const void *gamma, const void *beta, double epsilon,
                       void *y)
{
    row_job job = {.n = n, .d = d, .epsilon = epsilon, .x = x, .gamma = gamma, .beta = beta, .result = y};
    cdl_parallel(n, 1, norm_cost(n, d, 3) + 20.0 * (double)n, layer_norm_task, &job);
}

static void rms_norm(ptrdiff_t n, ptrdiff_t d, const void *x, const void *gamma, double epsilon, void *y)
{
    row_job job = {.n = n, .d = d, .epsilon = epsilon, .x = x, .gamma = gamma, .result = y};
    cdl_parallel(n, 1, norm_cost(n, d, 3) + 20.0 * (double)n, rms_norm_task, &job);
}

/* dx, and the rows' contributions to dbeta and dgamma, which are added to *pair. */
static inline __attribute__((always_inline)) void row_backward(const row_job *job, ptrdiff_t r, real *pair, int centred)
{
    const ptrdiff_t d = job->d;
    const real *x = job->x + r * d, *dy = job->dy + r * d;
    const row_moments m = moments_of_row(d, x, job->epsilon, centred);
    lanes sum = lanes_of(0), along = lanes_of(0);
    for (ptrdiff_t j = 0; j < d; j += LANES)
        for (int p = 0; p < PARTS && j + p * VL < d; p++) {
            const ptrdiff_t k = j + p * VL, left = d - k;
            const vec x_hat = (load_n(x + k, left) - m.mean) * m.scale, slope = load_n(dy + k, left);
            const vec g = job->gamma ? slope * load_n(job->gamma + k, left) : slope;
            sum.part[p] += g;
            along.part[p] = vfma(g, x_hat, along.part[p]);
            if (pair != NULL) {
                store(pair + k, load(pair + k) + slope);
                store(pair + job->padded + k, vfma(slope, x_hat, load(pair + job->padded + k)));
            }
        }
    const vec per_feature = splat(1.0 / (double)d);
    const vec mean_g = centred ? fold(sum, vadd) * per_feature : splat(0), mean_along = fold(along, vadd) * per_feature;
    for (ptrdiff_t j = 0; j < d; j += VL) {
        const ptrdiff_t left = d - j;
        const vec x_hat = (load_n(x + j, left) - m.mean) * m.scale, slope = load_n(dy + j, left);
        const vec g = job->gamma ? slope * load_n(job->gamma + j, left) : slope;
        store_n(job->result + r * d + j, left, m.scale * vfma(-x_hat, mean_along, g - mean_g));
    }
}

static inline __attribute__((always_inline)) void row_blocks_backward(const row_job *job, ptrdiff_t begin,
                                                                      ptrdiff_t end, int centred)
{
    for (ptrdiff_t block = begin; block < end; block++) {
        real *pair = job->pairs ? job->pairs + block * 2 * job->padded : NULL;
        for (ptrdiff_t j = 0; pair != NULL && j < 2 * job->padded; j++)
            pair[j] = 0;
        for (ptrdiff_t r = 0; r < rows_in_block(job->n, job->d, block); r++)
            row_backward(job, block * block_rows(job->d) + r, pair, centred);
    }
}

static void layer_norm_backward_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    row_blocks_backward(arg, begin, end, 1);
}

static void rms_norm_backward_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    row_blocks_backward(arg, begin, end, 0);
}

typedef struct {
    ptrdiff_t blocks, d, padded;
    const real *pairs;
    real *dbeta, *dgamma;
} gather_job;

static void gather_rows_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const gather_job *job = arg;
    for (ptrdiff_t j = begin; j < end; j += LANES) {
        const ptrdiff_t count = least(LANES, end - j);
        double total[LANES];
        for (int which = 0; which < 2; which++) {
            real *result = which ? job->dgamma : job->dbeta;
            if (result == NULL)
                continue;
            add_blocks(job->blocks, job->padded, job->pairs + which * job->padded + j, count, total);
            for (ptrdiff_t k = 0; k < count; k++)
                result[j + k] = (real)total[k];
        }
    }
}

static int rows_backward(ptrdiff_t n, ptrdiff_t d, const void *x, const void *gamma, const void *dy, double epsilon,
                         void *dx, void *dgamma, void *dbeta, cdl_task *task)
{
    row_job job = {.n = n, .d = d, .epsilon = epsilon, .x = x, .gamma = gamma, .dy = dy, .result = dx,
                   .padded = round_up(d, LANES)};
    const size_t bytes = sizeof(real) * (size_t)job.padded * (size_t)(2 * blocks_of(n, d));
    if ((dgamma || dbeta) && (job.pairs = cdl_take(bytes)) == NULL)
        return -1;
    cdl_parallel(blocks_of(n, d), 1, norm_cost(n, d, 8) + 40.0 * (double)n, task, &job);
    if (job.pairs != NULL) {
        gather_job gather = {blocks_of(n, d), d, job.padded, job.pairs, dbeta, dgamma};
        cdl_parallel(d, LANES, norm_cost(blocks_of(n, d), d, 4), gather_rows_task, &gather);
        cdl_release(job.pairs, bytes);
    }
    return 0;
}

static int layer_norm_backward(ptrdiff_t n, ptrdiff_t d, const void *x, const void *gamma, const void *dy,
                               double epsilon, void *dx, void *dgamma, void *dbeta)
{
    return rows_backward(n, d, x, gamma, dy, epsilon, dx, dgamma, dbeta, layer_norm_backward_task);
}

static int rms_norm_backward(ptrdiff_t n, ptrdiff_t d, const void *x, const void *gamma, const void *dy, double epsilon,
                             void *dx, void *dgamma)
{
    return rows_backward(n, d, x, gamma, dy, epsilon, dx, dgamma, NULL, rms_norm_backward_task);
}
