/* loss.c - losses: the value of each row, and its gradient while the row is at hand.  Definitions: cdl/ops/losses.py. */
#include "cdl.h"
#include "parallel.h"
#include "vmath.h"

/* ---- Blocks of rows ----------------------------------------------------------------------------------------------- */

/* Does rows [begin, end); returned: the sum of weight * value over them, in double precision and row after row. */
typedef double rows_of_loss(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end);

enum { MOST_BLOCKS = 64, LEAST_ELEMENTS = 1024 };

/* How rows are cut into blocks depends on n and d only, and the totals of the blocks are added in order:
 * the same bits for any number of threads. */
typedef struct {
    const cdl_loss *loss;
    rows_of_loss *rows_of_loss;
    ptrdiff_t rows;                     /* in a block */
    double total[MOST_BLOCKS];
} loss_job;

static void loss_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    loss_job *job = arg;
    for (ptrdiff_t block = begin; block < end; block++) {
        ptrdiff_t first_row = block * job->rows, left = job->loss->n - first_row;
        job->total[block] = job->rows_of_loss(job->loss, first_row, first_row + (left < job->rows ? left : job->rows));
    }
}

static double run_loss(const cdl_loss *loss, rows_of_loss *rows_of_loss, double nanoseconds_per_byte)
{
    ptrdiff_t rows = (loss->n + MOST_BLOCKS - 1) / MOST_BLOCKS, least = LEAST_ELEMENTS / (loss->d + 1) + 1;
    loss_job job = {.loss = loss, .rows_of_loss = rows_of_loss, .rows = rows > least ? rows : least};
    ptrdiff_t blocks = (loss->n + job.rows - 1) / job.rows;
    double cost_of_row = (double)loss->d * (double)sizeof(real) * nanoseconds_per_byte + 20;
    cdl_parallel(blocks, 1, (double)loss->n * cost_of_row, loss_task, &job);
    double total = 0;
    for (ptrdiff_t block = 0; block < blocks; block++)
        total += job.total[block];
    return total * loss->scale;
}

static inline double weight_of(const cdl_loss *loss, ptrdiff_t r)
{
    return loss->weight == NULL ? 1 : ((const real *)loss->weight)[r];
}

/* Row r of an array that may be NULL. */
static inline real *row_or_null(void *array, ptrdiff_t r, ptrdiff_t d)
{
    return array == NULL ? NULL : (real *)array + r * d;
}

/* ---- Means of element-wise losses --------------------------------------------------------------------------------- */

/* The loss of single elements, with targets t, and its slope d loss / d y. */
typedef vec element_loss(const cdl_loss *loss, vec t, vec y, vec *slope);

/* A single column: a register holds VL rows. */
static inline __attribute__((always_inline)) double each_single(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end,
                                                                element_loss element)
{
    const real *t = loss->y_true, *y = loss->y_pred, *weights = loss->weight;
    real *values = loss->values, *dy = loss->dy;
    double total = 0;
    for (ptrdiff_t r = begin; r < end; r += VL) {
        ptrdiff_t n = end - r;
        vec slope, value = element(loss, load_n(t + r, n), load_n(y + r, n), &slope);
        vec weight = weights == NULL ? splat(1) : load_n(weights + r, n);
        if (values != NULL)
            store_n(values + r, n, value);
        if (dy != NULL)
            store_n(dy + r, n, splat(loss->scale) * weight * slope);
        for (int j = 0; j < VL && j < n; j++)
            total += (double)weight[j] * (double)value[j];
    }
    return total;
}

/* value[r] = mean of element(t, y) over the row. */
static inline __attribute__((always_inline)) double each_mean(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end,
                                                              element_loss element)
{
    ptrdiff_t d = loss->d;
    if (d == 1)
        return each_single(loss, begin, end, element);
    double total = 0;
    for (ptrdiff_t r = begin; r < end; r++) {
        const real *t = (const real *)loss->y_true + r * d, *y = (const real *)loss->y_pred + r * d;
        real *dy = row_or_null(loss->dy, r, d);
        double weight = weight_of(loss, r);
        vec factor = splat(loss->scale * weight / (double)d);
        lanes sum = lanes_of(0);
        for (ptrdiff_t j = 0; j < d; j += LANES)
            for (int p = 0; p < PARTS && j + p * VL < d; p++) {
                ptrdiff_t k = j + p * VL, n = d - k;
                vec slope, value = element(loss, load_n(t + k, n), load_n(y + k, n), &slope);
                if (dy != NULL)
                    store_n(dy + k, n, factor * slope);
                sum.part[p] += only_first(value, n);
            }
        real value = fold(sum, vadd)[0] / (real)d;
        if (loss->values != NULL)
            ((real *)loss->values)[r] = value;
        total += weight * (double)value;
    }
    return total;
}

static inline vec squared_error(const cdl_loss *loss, vec t, vec y, vec *slope)
{
    (void)loss;
    vec e = y - t;
    *slope = e + e;
    return e * e;
}

static double rows_of_squared_error(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end)
{
    return each_mean(loss, begin, end, squared_error);
}

static double mean_squared_error(const cdl_loss *loss)
{
    return run_loss(loss, rows_of_squared_error, 0.1);
}

static inline vec absolute_error(const cdl_loss *loss, vec t, vec y, vec *slope)
{
    (void)loss;
    vec e = y - t;
    *slope = vselect(e == splat(0), e, vcopysign(splat(1), e));
    return vabs(e);
}

static double rows_of_absolute_error(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end)
{
    return each_mean(loss, begin, end, absolute_error);
}

static double mean_absolute_error(const cdl_loss *loss)
{
    return run_loss(loss, rows_of_absolute_error, 0.1);
}

static inline vec clip_probability(const cdl_loss *loss, vec q)
{
    return vmax(splat(loss->epsilon), vmin(splat(1 - loss->epsilon), q));
}

static inline vec smooth_binary(const cdl_loss *loss, vec t)
{
    return vfma(t, splat(1 - loss->label_smoothing), splat(loss->label_smoothing / 2));
}

static inline vec binary_of_probability(const cdl_loss *loss, vec t, vec y, vec *slope)
{
    vec p = clip_probability(loss, y), other = splat(1) - p;
    t = smooth_binary(loss, t);
    *slope = vselect(p == y, (p - t) / (p * other), y * splat(0));
    return -(t * vlog(p) + (splat(1) - t) * vlog(other));
}

static double rows_of_binary_probabilities(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end)
{
    return each_mean(loss, begin, end, binary_of_probability);
}

/* With e = exp(-|z|):  log(1 + exp(-|z|)) = log1p(e),  and sigmoid(z) is 1 / (1 + e) or e / (1 + e). */
static inline vec binary_of_logit(const cdl_loss *loss, vec t, vec z, vec *slope)
{
    vec e = vexp(-vabs(z)), r = splat(1) / (splat(1) + e);
    t = smooth_binary(loss, t);
    *slope = vselect(z < splat(0), e * r, r) - t;
    return vfma(-z, t, vmax(splat(0), z)) + vlog1p(e);
}

static double rows_of_binary_logits(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end)
{
    return each_mean(loss, begin, end, binary_of_logit);
}

static double binary_crossentropy(const cdl_loss *loss)
{
    return run_loss(loss, loss->from_logits ? rows_of_binary_logits : rows_of_binary_probabilities, 0.5);
}

/* ---- Crossentropies over classes ---------------------------------------------------------------------------------- */

/* The targets of row r from class k on, n left: smoothed, or 1 at the label. */
static inline vec target(const cdl_loss *loss, int sparse, ptrdiff_t r, ptrdiff_t k, ptrdiff_t n)
{
    if (sparse) {
        lane at = (lane)(((const int32_t *)loss->y_true)[r] - k);
        return vselect(iota() == (ivec){0} + at, splat(1), splat(0));
    }
    vec t = load_n((const real *)loss->y_true + r * loss->d + k, n);
    double smoothing = loss->label_smoothing;
    return only_first(vfma(t, splat(1 - smoothing), splat(smoothing / (double)loss->d)), n);
}

/* With log p = z - largest - log_sum:  value = -sum t log p,  dz = (p sum t - t) * factor.
 * In dz, if it is wanted, is exp(z - largest), whose sum is given. */
static inline __attribute__((always_inline)) real class_of_logits(const cdl_loss *loss, int sparse, ptrdiff_t r,
                                                                  vec factor, vec largest, vec sum, vec log_sum)
{
    ptrdiff_t d = loss->d;
    const real *z = (const real *)loss->y_pred + r * d;
    real *dz = row_or_null(loss->dy, r, d), value;
    vec p_from_exp = splat(1) / sum;
    if (sparse) {
        value = log_sum[0] - (z[((const int32_t *)loss->y_true)[r]] - largest[0]);
    } else {
        lanes values = lanes_of(0), mass = lanes_of(0);
        for (ptrdiff_t j = 0; j < d; j += LANES)
            for (int p = 0; p < PARTS && j + p * VL < d; p++) {
                ptrdiff_t k = j + p * VL;
                vec t = target(loss, sparse, r, k, d - k);
                vec product = t * (log_sum - (load_n(z + k, d - k) - largest));
                values.part[p] += vselect(t == splat(0), t, product);       /* 0 log 0 = 0 */
                mass.part[p] += t;
            }
        value = fold(values, vadd)[0];
        p_from_exp *= fold(mass, vadd);
    }
    if (dz != NULL)
        for (ptrdiff_t k = 0; k < d; k += VL) {
            vec t = target(loss, sparse, r, k, d - k);
            store_n(dz + k, d - k, factor * vfma(load_n(dz + k, d - k), p_from_exp, -t));
        }
    return value;
}

/* A few rows go through each step together.  The steps are long chains of dependent operations, which a processor
 * overlaps only if the same step of another row is near; and one log serves a register of rows. */
static inline __attribute__((always_inline)) double each_class_of_logits(const cdl_loss *loss, int sparse,
                                                                         ptrdiff_t begin, ptrdiff_t end)
{
    enum { MOST_ROWS = LANES, CACHED_ELEMENTS = 2048 };
    ptrdiff_t d = loss->d, rows = CACHED_ELEMENTS / (d + 1) + 1;
    real largest[MOST_ROWS], sum[MOST_ROWS] = {0}, log_sum[MOST_ROWS];
    double total = 0;
    for (ptrdiff_t r = begin; r < end; r += rows) {
        rows = rows < MOST_ROWS ? rows : MOST_ROWS;
        rows = rows < end - r ? rows : end - r;
        const real *z = (const real *)loss->y_pred + r * d;
        for (ptrdiff_t i = 0; i < rows; i++)
            largest[i] = row_max(d, z + i * d)[0];
        for (ptrdiff_t i = 0; i < rows; i++)
            sum[i] = row_exp(d, z + i * d, splat(largest[i]), row_or_null(loss->dy, r + i, d))[0];
        for (int i = 0; i < MOST_ROWS; i += VL)
            store(log_sum + i, vlog(load(sum + i)));
        for (ptrdiff_t i = 0; i < rows; i++) {
            double weight = weight_of(loss, r + i);
            real value = class_of_logits(loss, sparse, r + i, splat(loss->scale * weight), splat(largest[i]),
                                         splat(sum[i]), splat(log_sum[i]));
            if (loss->values != NULL)
                ((real *)loss->values)[r + i] = value;
            total += weight * (double)value;
        }
    }
    return total;
}

static double rows_of_logits(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end)
{
    return each_class_of_logits(loss, 0, begin, end);
}

static double rows_of_labelled_logits(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end)
{
    return each_class_of_logits(loss, 1, begin, end);
}

/* -t / p, and zero where p was clipped from q. */
static inline vec slope_of_log(const cdl_loss *loss, vec t, vec q)
{
    vec p = clip_probability(loss, q);
    return vselect(p == q, -t / p, q * splat(0));
}

/* With s = sum y, q = y / s, p = clip(q) and u = slope_of_log:  value = -sum t log p,  dy = (u - sum(u q)) / s. */
static inline __attribute__((always_inline)) real class_of_probabilities(const cdl_loss *loss, int sparse, ptrdiff_t r,
                                                                         vec factor)
{
    ptrdiff_t d = loss->d;
    const real *y = (const real *)loss->y_pred + r * d;
    lanes sum = lanes_of(0);
    for (ptrdiff_t j = 0; j < d; j += LANES)
        for (int p = 0; p < PARTS && j + p * VL < d; p++)
            sum.part[p] += load_n(y + j + p * VL, d - j - p * VL);
    vec s = fold(sum, vadd), inverse = splat(1) / s, pull;
    real value;
    if (sparse) {
        vec q = splat(y[((const int32_t *)loss->y_true)[r]]) / s;
        value = -vlog(clip_probability(loss, q))[0];
        pull = slope_of_log(loss, splat(1), q) * q;
    } else {
        lanes values = lanes_of(0), pulls = lanes_of(0);
        for (ptrdiff_t j = 0; j < d; j += LANES)
            for (int p = 0; p < PARTS && j + p * VL < d; p++) {
                ptrdiff_t k = j + p * VL;
                vec t = target(loss, sparse, r, k, d - k), q = load_n(y + k, d - k) / s;
                values.part[p] -= t * vlog(clip_probability(loss, q));
                pulls.part[p] += slope_of_log(loss, t, q) * q;
            }
        value = fold(values, vadd)[0];
        pull = fold(pulls, vadd);
    }
    if (loss->dy != NULL) {
        real *dy = (real *)loss->dy + r * d;
        for (ptrdiff_t k = 0; k < d; k += VL) {
            vec t = target(loss, sparse, r, k, d - k), q = load_n(y + k, d - k) / s;
            store_n(dy + k, d - k, factor * ((slope_of_log(loss, t, q) - pull) * inverse));
        }
    }
    return value;
}

static inline __attribute__((always_inline)) double each_class_of_probabilities(const cdl_loss *loss, int sparse,
                                                                                ptrdiff_t begin, ptrdiff_t end)
{
    double total = 0;
    for (ptrdiff_t r = begin; r < end; r++) {
        double weight = weight_of(loss, r);
        real value = class_of_probabilities(loss, sparse, r, splat(loss->scale * weight));
        if (loss->values != NULL)
            ((real *)loss->values)[r] = value;
        total += weight * (double)value;
    }
    return total;
}

static double rows_of_probabilities(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end)
{
    return each_class_of_probabilities(loss, 0, begin, end);
}

static double rows_of_labelled_probabilities(const cdl_loss *loss, ptrdiff_t begin, ptrdiff_t end)
{
    return each_class_of_probabilities(loss, 1, begin, end);
}

static double categorical_crossentropy(const cdl_loss *loss)
{
    return run_loss(loss, loss->from_logits ? rows_of_logits : rows_of_probabilities, 0.4);
}

static double sparse_categorical_crossentropy(const cdl_loss *loss)
{
    return run_loss(loss, loss->from_logits ? rows_of_labelled_logits : rows_of_labelled_probabilities, 0.4);
}
