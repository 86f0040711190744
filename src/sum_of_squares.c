/* sum_of_squares.c - in double precision, and in one order whatever the number of threads. */

enum { SQUARES = 8192, CHAINS = 16 };       /* elements in a block; partial sums in it, as many as keep an adder busy */

typedef struct {
    ptrdiff_t size;
    const real *x;
    double *sums;                           /* of the blocks */
} squares;

static void squares_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const squares *q = arg;
    for (ptrdiff_t block = begin; block < end; block++) {
        const real *x = q->x + block * SQUARES;
        ptrdiff_t left = q->size - block * SQUARES, n = left < SQUARES ? left : SQUARES, j = 0;
        double sum[CHAINS] = {0};
        for (; j + CHAINS <= n; j += CHAINS)
            for (int c = 0; c < CHAINS; c++)
                sum[c] += (double)x[j + c] * (double)x[j + c];
        for (int c = 0; c < n - j; c++)
            sum[c] += (double)x[j + c] * (double)x[j + c];
        for (int half = CHAINS / 2; half > 0; half /= 2)
            for (int c = 0; c < half; c++)
                sum[c] += sum[c + half];
        q->sums[block] = sum[0];
    }
}

static int sum_of_squares(ptrdiff_t size, const void *x, double *total)
{
    ptrdiff_t blocks = (size + SQUARES - 1) / SQUARES;
    squares q = {size, x, cdl_take((size_t)blocks * sizeof(double))};
    if (q.sums == NULL)
        return -1;
    cdl_parallel(blocks, 1, 0.15 * size, squares_task, &q);
    *total = 0;
    for (ptrdiff_t block = 0; block < blocks; block++)
        *total += q.sums[block];
    cdl_release(q.sums, (size_t)blocks * sizeof(double));
    return 0;
}
