/* penalty.c - l1 * sum |x| + l2 * sum x^2 over an array, in double precision and in one order whatever the number of
 * threads; and its derivative, added to a gradient on the way.  With l1 = 0 and l2 = 1 it is the square of a norm. */

enum { PENALTY_BLOCK = 8192, CHAINS = 16 };     /* elements in a block; partial sums in it, enough to keep adders busy */

typedef struct {
    ptrdiff_t size;
    const real *x;
    double l1, l2;
    double *sums;                               /* of the blocks */
    const real *grad;
    real *out;
} penalty_job;

static inline double magnitude_of(double x)
{
    return __builtin_fabs(x);
}

static inline double square_of(double x)
{
    return x * x;
}

static inline __attribute__((always_inline)) double sum_over(ptrdiff_t n, const real *x, double term(double))
{
    double sum[CHAINS] = {0};
    ptrdiff_t j = 0;
    for (; j + CHAINS <= n; j += CHAINS)
        for (int c = 0; c < CHAINS; c++)
            sum[c] += term(x[j + c]);
    for (int c = 0; c < n - j; c++)
        sum[c] += term(x[j + c]);
    for (int half = CHAINS / 2; half > 0; half /= 2)
        for (int c = 0; c < half; c++)
            sum[c] += sum[c + half];
    return sum[0];
}

static void add_derivative(const penalty_job *job, ptrdiff_t begin, ptrdiff_t end)
{
    for (ptrdiff_t j = begin; j < end; j += VL) {
        vec x = load_n(job->x + j, end - j), dx = vfma(splat(2 * job->l2), x, with_sign(job->l1, x));
        store_n(job->out + j, end - j, load_n(job->grad + j, end - j) + dx);
    }
}

static void penalty_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const penalty_job job = *(const penalty_job *)arg;
    for (ptrdiff_t block = begin; block < end; block++) {
        const real *x = job.x + block * PENALTY_BLOCK;
        ptrdiff_t left = job.size - block * PENALTY_BLOCK, n = left < PENALTY_BLOCK ? left : PENALTY_BLOCK;
        job.sums[block] = 0;
        if (job.l1 != 0)
            job.sums[block] += job.l1 * sum_over(n, x, magnitude_of);
        if (job.l2 != 0)
            job.sums[block] += job.l2 * sum_over(n, x, square_of);
        if (job.out != NULL)
            add_derivative(&job, block * PENALTY_BLOCK, block * PENALTY_BLOCK + n);
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
