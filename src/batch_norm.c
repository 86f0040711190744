/* batch_norm.c - batch normalisation: every channel by its mean and variance over the rows. */
#include "cdl.h"
#include "parallel.h"
#include "simd.h"

enum { TILE = 4 };              /* registers that are done together */

/* f(..., j, width, left) for all columns of c: `width` registers from j on, with `left` elements in each. */
#define FOR_TILES(c, f, ...)                                                                                  \
    do {                                                                                                      \
        ptrdiff_t tile = 0;                                                                                   \
        for (; tile + TILE * VL <= (c); tile += TILE * VL)                                                    \
            f(__VA_ARGS__, tile, TILE, VL);                                                                   \
        for (; tile + VL <= (c); tile += VL)                                                                  \
            f(__VA_ARGS__, tile, 1, VL);                                                                      \
        if (tile < (c))                                                                                       \
            f(__VA_ARGS__, tile, 1, (c) - tile);                                                              \
    } while (0)

/* A pair of rows of c results for each block. */
typedef struct {
    ptrdiff_t n, c;
    const real *x, *dy, *mean;
    real *pairs;                                /* [blocks,2,c] */
} block_job;

/* For each block: the mean, and the sum of (x - mean)^2. */
static inline __attribute__((always_inline)) void block_moments(const block_job *job, ptrdiff_t block, ptrdiff_t j,
                                                                int width, ptrdiff_t left)
{
    const ptrdiff_t c = job->c, rows = rows_in_block(job->n, c, block);
    const real *x = job->x + block * block_rows(c) * c + j;
    const vec per_row = splat(1.0 / (double)rows);
    vec mean[TILE], sum[TILE], squares[TILE];
    for (int v = 0; v < width; v++)
        mean[v] = sum[v] = squares[v] = splat(0);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (int v = 0; v < width; v++)
            mean[v] += load_n(x + r * c + v * VL, left);
    for (int v = 0; v < width; v++)
        mean[v] *= per_row;
    for (ptrdiff_t r = 0; r < rows; r++)
        for (int v = 0; v < width; v++) {
            const vec d = load_n(x + r * c + v * VL, left) - mean[v];
            sum[v] += d;
            squares[v] = vfma(d, d, squares[v]);
        }
    real *pair = job->pairs + block * 2 * c + j;
    for (int v = 0; v < width; v++) {
        const vec correction = sum[v] * per_row;
        store_n(pair + v * VL, left, mean[v] + correction);
        store_n(pair + c + v * VL, left, vfma(-correction, sum[v], squares[v]));
    }
}

static void moments_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const block_job *job = arg;
    for (ptrdiff_t block = begin; block < end; block++)
        FOR_TILES(job->c, block_moments, job, block);
}

typedef struct {
    block_job blocks;
    double epsilon;
    const real *gamma, *mean_in, *variance_in;
    real *mean, *variance, *scale;              /* of batch_norm */
    real *dgamma, *dbeta, *dy_mean, *slope;     /* of batch_norm_backward */
} channel_job;

/* Channels [begin, end): from the blocks' moments those of all rows, and scale = gamma / sqrt(variance + epsilon). */
static void gather_moments_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const channel_job *job = arg;
    const ptrdiff_t n = job->blocks.n, c = job->blocks.c, blocks = blocks_of(n, c);
    for (ptrdiff_t j = begin; j < end; j += LANES) {
        const ptrdiff_t count = least(LANES, end - j);
        double mean[LANES] = {0}, squares[LANES] = {0};
        for (ptrdiff_t block = 0; block < blocks; block++)
            for (ptrdiff_t k = 0; k < count; k++)
                mean[k] += (double)rows_in_block(n, c, block) * (double)job->blocks.pairs[block * 2 * c + j + k];
        for (ptrdiff_t k = 0; k < count; k++)
            mean[k] /= (double)n;
        for (ptrdiff_t block = 0; block < blocks; block++)
            for (ptrdiff_t k = 0; k < count; k++) {
                const real *pair = job->blocks.pairs + block * 2 * c + j + k;
                const double d = (double)pair[0] - mean[k];
                squares[k] += (double)pair[c] + (double)rows_in_block(n, c, block) * d * d;
            }
        for (ptrdiff_t k = 0; k < count; k++) {
            job->mean[j + k] = (real)mean[k];
            job->variance[j + k] = (real)(squares[k] / (double)n);
        }
        for (int p = 0; p < PARTS; p++) {
            const ptrdiff_t k = j + p * VL, left = end - k;
            const vec root = per_root(load_n(job->variance + k, left), job->epsilon);
            store_n(job->scale + k, left, job->gamma ? load_n(job->gamma + k, left) * root : root);
        }
    }
}

typedef struct {
    ptrdiff_t c;
    const real *x, *mean, *scale, *shift;       /* mean, shift: NULL for zeros */
    const real *dy, *dy_mean, *slope;
    real *result;
} affine_job;

enum { AFFINE_ROWS = 16 };      /* so many rows share what is loaded for the channels */

/* The elements from channel j of row r on that one register may read and write, in rows up to `end`.  With fewer
 * channels than a register has lanes, it may reach into the next row, which is written later. */
static inline ptrdiff_t room(ptrdiff_t c, ptrdiff_t left, ptrdiff_t r, ptrdiff_t end)
{
    return left < VL && c < VL ? (end - r) * c : left;
}

/* y = (x - mean) * scale + shift */
static inline __attribute__((always_inline)) void affine_tile(const affine_job *job, ptrdiff_t begin, ptrdiff_t end,
                                                              ptrdiff_t j, int width, ptrdiff_t left)
{
    const ptrdiff_t c = job->c;
    vec mean[TILE], scale[TILE], shift[TILE];
    for (int v = 0; v < width; v++) {
        mean[v] = job->mean ? load_n(job->mean + j + v * VL, left) : splat(0);
        scale[v] = load_n(job->scale + j + v * VL, left);
        shift[v] = job->shift ? load_n(job->shift + j + v * VL, left) : splat(0);
    }
    for (ptrdiff_t r = begin; r < end; r++)
        for (int v = 0; v < width; v++) {
            const ptrdiff_t k = r * c + j + v * VL;
            store_n(job->result + k, room(c, left, r, end),
                    vfma(load_n(job->x + k, room(c, left, r, end)) - mean[v], scale[v], shift[v]));
        }
}

static void affine_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const affine_job *job = arg;
    for (ptrdiff_t r = begin; r < end; r += AFFINE_ROWS)
        FOR_TILES(job->c, affine_tile, job, r, least(r + AFFINE_ROWS, end));
}

static int batch_norm(ptrdiff_t n, ptrdiff_t c, const void *x, const void *gamma, const void *beta, double epsilon,
                      void *y, void *mean, void *variance)
{
    const size_t bytes = sizeof(real) * (size_t)c * (size_t)(2 * blocks_of(n, c) + 1);
    real *scratch = cdl_take(bytes);
    if (scratch == NULL)
        return -1;
    channel_job job = {.blocks = {n, c, x, NULL, NULL, scratch + c}, .epsilon = epsilon, .gamma = gamma, .mean = mean,
                       .variance = variance, .scale = scratch};
    cdl_parallel(blocks_of(n, c), 1, norm_cost(n, c, 2), moments_task, &job.blocks);
    cdl_parallel(c, LANES, norm_cost(blocks_of(n, c), c, 10), gather_moments_task, &job);
    affine_job affine = {.c = c, .x = x, .mean = mean, .scale = scratch, .shift = beta, .result = y};
    cdl_parallel(n, AFFINE_ROWS, norm_cost(n, c, 2), affine_task, &affine);
    cdl_release(scratch, bytes);
    return 0;
}

static void scale_shift(ptrdiff_t n, ptrdiff_t c, const void *x, const void *scale, const void *shift, void *y)
{
    affine_job job = {.c = c, .x = x, .scale = scale, .shift = shift, .result = y};
    cdl_parallel(n, AFFINE_ROWS, norm_cost(n, c, 2), affine_task, &job);
}

/* For each block: the sums of dy and of dy * (x - mean). */
static inline __attribute__((always_inline)) void block_slopes(const block_job *job, ptrdiff_t block, ptrdiff_t j,
                                                               int width, ptrdiff_t left)
{
    const ptrdiff_t c = job->c, at = block * block_rows(c) * c + j;
    vec mean[TILE], dbeta[TILE], along[TILE];
    for (int v = 0; v < width; v++) {
        mean[v] = load_n(job->mean + j + v * VL, left);
        dbeta[v] = along[v] = splat(0);
    }
    for (ptrdiff_t r = 0; r < rows_in_block(job->n, c, block); r++)
        for (int v = 0; v < width; v++) {
            const ptrdiff_t k = at + r * c + v * VL;
            const vec dy = load_n(job->dy + k, left);
            dbeta[v] += dy;
            along[v] = vfma(dy, load_n(job->x + k, left) - mean[v], along[v]);
        }
    real *pair = job->pairs + block * 2 * c + j;
    for (int v = 0; v < width; v++) {
        store_n(pair + v * VL, left, dbeta[v]);
        store_n(pair + c + v * VL, left, along[v]);
    }
}

static void slopes_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const block_job *job = arg;
    for (ptrdiff_t block = begin; block < end; block++)
        FOR_TILES(job->c, block_slopes, job, block);
}

/* Channels [begin, end): dgamma, dbeta, and dx = scale * (dy - dy_mean - (x - mean) * slope). */
static void gather_slopes_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const channel_job *job = arg;
    const ptrdiff_t n = job->blocks.n, c = job->blocks.c, blocks = blocks_of(n, c);
    for (ptrdiff_t j = begin; j < end; j += LANES) {
        const ptrdiff_t count = least(LANES, end - j);
        double dbeta[LANES], along[LANES];
        add_blocks(blocks, c, job->blocks.pairs + j, count, dbeta);
        add_blocks(blocks, c, job->blocks.pairs + c + j, count, along);
        for (ptrdiff_t k = 0; k < count; k++) {
            job->dbeta[j + k] = (real)dbeta[k];
            job->dgamma[j + k] = (real)along[k];
            job->dy_mean[j + k] = (real)(dbeta[k] / (double)n);
            job->slope[j + k] = (real)(along[k] / (double)n);
        }
        for (int p = 0; p < PARTS; p++) {
            const ptrdiff_t k = j + p * VL, left = end - k;
            const vec root = per_root(load_n(job->variance_in + k, left), job->epsilon);
            store_n(job->dgamma + k, left, load_n(job->dgamma + k, left) * root);
            store_n(job->slope + k, left, load_n(job->slope + k, left) * root * root);
            store_n(job->scale + k, left, job->gamma ? load_n(job->gamma + k, left) * root : root);
        }
    }
}

/* dx = scale * (dy - dy_mean - (x - mean) * slope) */
static inline __attribute__((always_inline)) void dx_tile(const affine_job *job, ptrdiff_t begin, ptrdiff_t end,
                                                          ptrdiff_t j, int width, ptrdiff_t left)
{
    const ptrdiff_t c = job->c;
    vec mean[TILE], scale[TILE], dy_mean[TILE], slope[TILE];
    for (int v = 0; v < width; v++) {
        mean[v] = load_n(job->mean + j + v * VL, left);
        scale[v] = load_n(job->scale + j + v * VL, left);
        dy_mean[v] = load_n(job->dy_mean + j + v * VL, left);
        slope[v] = load_n(job->slope + j + v * VL, left);
    }
    for (ptrdiff_t r = begin; r < end; r++)
        for (int v = 0; v < width; v++) {
            const ptrdiff_t k = r * c + j + v * VL;
            const vec x = load_n(job->x + k, room(c, left, r, end)) - mean[v];
            const vec dy = load_n(job->dy + k, room(c, left, r, end)) - dy_mean[v];
            store_n(job->result + k, room(c, left, r, end), scale[v] * vfma(-x, slope[v], dy));
        }
}

static void batch_norm_dx_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const affine_job *job = arg;
    for (ptrdiff_t r = begin; r < end; r += AFFINE_ROWS)
        FOR_TILES(job->c, dx_tile, job, r, least(r + AFFINE_ROWS, end));
}

static int batch_norm_backward(ptrdiff_t n, ptrdiff_t c, const void *x, const void *gamma, const void *mean,
                               const void *variance, const void *dy, double epsilon, void *dx, void *dgamma,
                               void *dbeta)
{
    const size_t bytes = sizeof(real) * (size_t)c * (size_t)(2 * blocks_of(n, c) + 3);
    real *scratch = cdl_take(bytes);
    if (scratch == NULL)
        return -1;
    channel_job job = {.blocks = {n, c, x, dy, mean, scratch + 3 * c}, .epsilon = epsilon, .gamma = gamma,
                       .variance_in = variance, .scale = scratch, .dgamma = dgamma, .dbeta = dbeta,
                       .dy_mean = scratch + c, .slope = scratch + 2 * c};
    cdl_parallel(blocks_of(n, c), 1, norm_cost(n, c, 2), slopes_task, &job.blocks);
    cdl_parallel(c, LANES, norm_cost(blocks_of(n, c), c, 10), gather_slopes_task, &job);
    if (dx != NULL) {
        affine_job affine = {.c = c, .x = x, .mean = mean, .scale = job.scale, .dy = dy, .dy_mean = job.dy_mean,
                             .slope = job.slope, .result = dx};
        cdl_parallel(n, AFFINE_ROWS, norm_cost(n, c, 3), batch_norm_dx_task, &affine);
    }
    cdl_release(scratch, bytes);
    return 0;
}
