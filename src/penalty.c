/* penalty.c - l1 * sum |x| + l2 * sum x^2 over an array, in double precision and in one order whatever the number of
 * threads; and its derivative, added to a gradient on the way.  With l1 = 0 and l2 = 1 it is the square of a norm. */

enum { PENALTY_BLOCK = 8192, QUADS = 4 };       /* elements in a block; partial sums in it, enough to keep adders busy */

typedef double four __attribute__((vector_size(4 * sizeof(double))));
typedef int64_t four_bits __attribute__((vector_size(4 * sizeof(double))));

typedef struct {
    ptrdiff_t size;
    const real *x;
    double l1, l2;
    double *sums;                               /* of the blocks */
    const real *grad;
    real *out;
} penalty_job;

/* The terms of x[0..4 QUADS), without the factor l2 if that is all. */
static inline __attribute__((always_inline)) void sum_up(const real *x, double l1, double l2, four *sum)
{
    for (int q = 0; q < QUADS; q++, x += 4) {
        const four w = {x[0], x[1], x[2], x[3]};
        if (l1 == 0)
            sum[q] += w * w;
        else
            sum[q] += l1 * (four)((four_bits)w & INT64_MAX) + l2 * w * w;
    }
}

static inline __attribute__((always_inline)) void add_derivative(const penalty_job *job, double l1, ptrdiff_t j,
                                                                 ptrdiff_t end)
{
    for (; j < end; j += VL) {
        vec x = load_n(job->x + j, end - j), dx = load_n(job->grad + j, end - j);
        if (l1 != 0)
            dx += with_sign(l1, x);
        store_n(job->out + j, end - j, vfma(splat(2 * job->l2), x, dx));
    }
}

/* Elements [j, end), for both while they are at hand.  `l1` is that of the job, or a constant 0 for loops without it. */
static inline __attribute__((always_inline)) double penalty_of(const penalty_job *job, double l1, ptrdiff_t j,
                                                               ptrdiff_t end)
{
    four sum[QUADS] = {{0}};
    for (; j + 4 * QUADS <= end; j += 4 * QUADS) {
        sum_up(job->x + j, l1, job->l2, sum);
        if (job->out)
            add_derivative(job, l1, j, j + 4 * QUADS);
    }
    if (j < end) {
        real rest[4 * QUADS] = {0};
        memcpy(rest, job->x + j, sizeof(real) * (end - j));
        sum_up(rest, l1, job->l2, sum);
        if (job->out)
            add_derivative(job, l1, j, end);
    }
    const four s = (sum[0] + sum[2]) + (sum[1] + sum[3]);
    const double total = (s[0] + s[2]) + (s[1] + s[3]);
    return l1 == 0 ? job->l2 * total : total;
}

static void penalty_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const penalty_job job = *(const penalty_job *)arg;
    for (ptrdiff_t block = begin; block < end; block++) {
        const ptrdiff_t first = block * PENALTY_BLOCK, last = least(first + PENALTY_BLOCK, job.size);
        job.sums[block] = job.l1 == 0 ? penalty_of(&job, 0, first, last) : penalty_of(&job, job.l1, first, last);
    }
}

static int penalty(ptrdiff_t size, const void *x, double l1, double l2, const void *grad, void *out, double *total)
{
    ptrdiff_t blocks = (size + PENALTY_BLOCK - 1) / PENALTY_BLOCK;
    penalty_job job = {size, x, l1, l2, cdl_take((size_t)blocks * sizeof(double)), grad, out};
    if (job.sums == NULL)
        return -1;
    cdl_parallel(blocks, 1, 0.15 * size, penalty_task, &job);
    *total = 0;
    for (ptrdiff_t block = 0; block < blocks; block++)
        *total += job.sums[block];
    cdl_release(job.sums, (size_t)blocks * sizeof(double));
    return 0;
}
