/* linear.c - the fully connected layer: a matrix product forward, two backward. */

static int linear(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const void *x, const void *kernel, const void *bias,
                  cdl_function f, void *y)
{
    return gemm(n, o, i, (cdl_matrix){x, i, 1}, (cdl_matrix){kernel, o, 1}, bias, f, 0, y, o);
}

/* ---- Sums over rows ----------------------------------------------------------------------------------------------- */

typedef struct {
    ptrdiff_t n, d;
    const real *x;
    real *total;
} column_job;

/* Columns [begin, end).  Blocks of rows are summed one by one, then added in order: shorter chains round less. */
static void column_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    enum { ROWS = 256, WIDTH = 4 };
    const column_job *job = arg;
    for (ptrdiff_t j = begin; j < end; j += WIDTH * VL)
        for (ptrdiff_t block = 0; block == 0 || block < job->n; block += ROWS) {
            const ptrdiff_t last = least(block + ROWS, job->n);
            vec sum[WIDTH];
            for (int v = 0; v < WIDTH; v++)
                sum[v] = splat(0);
            for (ptrdiff_t r = block; r < last; r++)
                for (int v = 0; v < WIDTH; v++)
                    sum[v] += load_n(job->x + r * job->d + j + v * VL, end - j - v * VL);
            for (int v = 0; v < WIDTH; v++) {
                real *total = job->total + j + v * VL;
                const ptrdiff_t left = end - j - v * VL;
                store_n(total, left, block == 0 ? sum[v] : load_n(total, left) + sum[v]);
            }
        }
}

static int column_sum(ptrdiff_t n, ptrdiff_t d, const void *x, void *total)
{
    column_job job = {n, d, x, total};
    cdl_parallel(d, 4 * LANES, (double)n * d * sizeof(real) / 16, column_task, &job);
    return 0;
}

/* ---- Backward ----------------------------------------------------------------------------------------------------- */

/* Both products and the sum in one parallel region: a region costs as much as a small product. */
typedef struct {
    product dkernel, dx;
    column_job dbias;
    ptrdiff_t shares;
    int status;
} backward_job;

static void backward_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    backward_job *job = arg;
    int status = 0;
    for (ptrdiff_t share = begin; share < end; share++) {
        if (job->dkernel.c)
            status |= product_share(&job->dkernel, share, job->shares);
        if (job->dx.c)
            status |= product_share(&job->dx, share, job->shares);
        if (job->dbias.total)
            column_task(&job->dbias, job->dbias.d * share / job->shares, job->dbias.d * (share + 1) / job->shares);
    }
    if (status != 0)
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
}

static int linear_backward(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const void *x, const void *kernel, const void *y,
                           const void *dy, cdl_function f, void *dx, void *dkernel, void *dbias)
{
    const size_t bytes = sizeof(real) * n * o;
    const real *dz = dy;
    real *own = NULL;
    if (f != CDL_LINEAR) {
        if ((own = cdl_take(bytes)) == NULL)
            return -1;
        activation_backward((cdl_activation){f, {0}}, n * o, y, y, dy, own);      /* f' needs y only */
        dz = own;
    }
    backward_job job = {
        .dkernel = make_product(i, o, n, (cdl_matrix){x, 1, i}, (cdl_matrix){dz, o, 1}, NULL, CDL_LINEAR, 0, dkernel, o),
        .dx = make_product(n, i, o, (cdl_matrix){dz, o, 1}, (cdl_matrix){kernel, 1, o}, NULL, CDL_LINEAR, 0, dx, i),
        .dbias = {n, o, dz, dbias},
    };
    const double cost = (dkernel ? product_cost(&job.dkernel) : 0) + (dx ? product_cost(&job.dx) : 0);
    job.shares = cdl_slices(cdl_threads(), 1, cost);
    cdl_parallel(job.shares, 1, cost, backward_task, &job);
    cdl_release(own, bytes);
    return job.status;
}
