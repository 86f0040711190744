/* winograd_kernel_gradient.c - the gradient of the kernel is a convolution of x with dz, so it is winograd.c with dz in the
 * place of the kernel, and outputs and weights have changed their numbers.
 */

enum {
    PART_TILES = 64,                    /* in a part of the batch, at least */
    PARTS_OF_BATCH = 8,                 /* the gradients are summed in so many parts, then these in order */
    MOST_TOTALS = 8 << 20,              /* numbers in the sums, about at most, unless a single one has more */
};

typedef struct {
    pass p;
    ptrdiff_t n, parts;                 /* images; parts of them, each with totals of its own */
    ptrdiff_t shares;                   /* of the output channels: tasks of a part, which do not meet */
    field x, dz;
    real *total, *bias_total;           /* [parts] of the kernel's gradient, laid out as u, and of the bias's */
    int with_bias, status;
} correlation_job;

/* d[points][block][NR] of `count` tiles of dz, channels [j, j + NR). */
static inline __attribute__((always_inline)) void evaluate_tiles(const pass *p, int down, int across, ptrdiff_t first_tile,
                                                                 ptrdiff_t count, ptrdiff_t j, const real *dz,
                                                                 const real *zeros, real *d)
{
    place at = place_of(p, first_tile);
    for (ptrdiff_t t = 0; t < count; t++, d += NR, at = next_place(p, at)) {
        const patch tile = find_pixels(dz + at.image * y_size(p), p->rows, p->columns, p->n, at.row, at.column, down,
                                        across, zeros);
        for (ptrdiff_t v = 0; v < NR; v += VL)
            transform_pixels(EVALUATE, down, across, &tile, j + v, p->n - j - v, d + v, p->m_step);
    }
}

static void evaluate_block(const pass *p, ptrdiff_t first_tile, ptrdiff_t count, ptrdiff_t j, const real *dz,
                           const real *zeros, real *d)
{
    FOR_OUTPUTS(p, evaluate_tiles, first_tile, count, j, dz, zeros, d)
}

/* total (+)= what `images` images contribute to output channels [left, right). */
static void correlate_images(const pass *p, ptrdiff_t images, ptrdiff_t left, ptrdiff_t right, const real *x,
                             const real *dz, const real *zeros, real *v, int continued, real *total)
{
    const ptrdiff_t k = p->k, row = round_up(k, VL), zero = 0;
    real *d = v + p->points * p->v_step;
    for (ptrdiff_t first_tile = 0; first_tile < images * p->tiles; first_tile += p->block) {
        const ptrdiff_t count = least(p->block, images * p->tiles - first_tile);
        spread_block(p, first_tile, count, x, zeros, v);
        for (ptrdiff_t j = left; j < right; j += NR) {
            evaluate_block(p, first_tile, count, j, dz, zeros, d);
            for (int point = 0; point < p->points; point++)
                run_panel(v + point * p->v_step, (axis){1, k, 1, &zero}, 0,
                          total + (j / NR * p->points + point) * p->u_step, (axis){1, k, NR, &zero}, NR, CDL_LINEAR,
                          (tile_job){
                    .k = {1, count, row, &zero},
                    .b = d + point * p->m_step, .b_step = NR,
                    .continued = continued || first_tile > 0,
                    .floor = -__builtin_inf(),
                });
        }
    }
}

static void correlation_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    correlation_job *job = arg;
    const pass *p = &job->p;
    const ptrdiff_t size = x_size(p), z_size = y_size(p), o = p->n, row = round_up(most(p->k, o), VL) + NR;
    const ptrdiff_t x_room = job->x.f == CDL_LINEAR ? 0 : round_up(p->images * size, VL);
    const ptrdiff_t z_room = job->dz.f == CDL_LINEAR ? 0 : round_up(p->images * z_size, VL);
    real *zeros = cdl_workspace(sizeof(real) * (row + x_room + z_room + scratch_size(p)));
    if (zeros == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    memset(zeros, 0, sizeof(real) * row);
    for (ptrdiff_t item = begin; item < end; item++) {
        const ptrdiff_t part = item / job->shares, share = item % job->shares, panels = (o + NR - 1) / NR;
        const ptrdiff_t left = panels * share / job->shares * NR, right = panels * (share + 1) / job->shares * NR;
        const ptrdiff_t first_image = job->n * part / job->parts, last = job->n * (part + 1) / job->parts;
        const int with_bias = job->with_bias && share == 0;
        real *bias_total = job->bias_total + part * o;
        if (with_bias)
            memset(bias_total, 0, sizeof(real) * o);
        for (ptrdiff_t n = first_image, images; n < last; n += images) {
            images = least(p->images, last - n);
            const real *x = values(job->x, n * size, (n + images) * size, zeros + row);
            const real *dz = values(job->dz, n * z_size, (n + images) * z_size, zeros + row + x_room);
            correlate_images(p, images, left, right, x, dz, zeros, zeros + row + x_room + z_room, n > first_image,
                             job->total + part * kernel_size(p));
            if (with_bias)
                add_rows(images * p->rows * p->columns, o, dz, bias_total);
        }
    }
}

/* From the totals of the parts to the gradient, for input channels [begin, end). */
typedef struct {
    const pass *p;
    ptrdiff_t parts;
    const real *total;
    real *dkernel;
} total_job;

static void total_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const total_job *job = arg;
    const pass *p = job->p;
    const ptrdiff_t i = p->k, o = p->n, size = kernel_size(p);
    for (ptrdiff_t k = begin; k < end; k++)
        for (ptrdiff_t j = 0; j < o; j += VL) {
            square x;
            const real *from = job->total + j / NR * p->points * p->u_step + k * NR + j % NR;
            for (int r = 0; r < p->down.points; r++)
                for (int c = 0; c < p->across.points; c++, from += p->u_step) {
                    x[r][c] = load(from);
                    for (ptrdiff_t part = 1; part < job->parts; part++)
                        x[r][c] += load(from + part * size);
                }
            transform(INTERPOLATE, p->down.taps, p->across.taps, x);
            for (int r = 0; r < p->down.taps; r++)
                for (int c = 0; c < p->across.taps; c++)
                    store_n(job->dkernel + ((r * p->across.taps + c) * i + k) * o + j, o - j, x[r][c]);
        }
}

/* n > 0.  dbias may be NULL. */
static int winograd_kernel_gradient(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *w, field x, field dz,
                                    real *dkernel, real *dbias)
{
    correlation_job job = {.p = forward_pass(i, o, w), .n = n, .shares = 1, .x = x, .dz = dz, .with_bias = dbias != NULL};
    job.parts = most(1, least(least(n, PARTS_OF_BATCH), n * job.p.tiles / PART_TILES));
    /* From the sizes alone, so that all machines add the same sums.  Each share spreads x for itself, which is little
     * beside so many products. */
    for (; job.parts > 1 && job.parts * job.p.points * i * o > MOST_TOTALS; job.parts = (job.parts + 1) / 2)
        job.shares *= 2;
    const ptrdiff_t size = job.parts * kernel_size(&job.p);
    const size_t bytes = sizeof(real) * (size + job.parts * o);
    job.total = cdl_take(bytes);
    if (job.total == NULL)
        return -1;
    job.bias_total = job.total + size;
    cdl_parallel(job.parts * job.shares, 1, pass_cost(n, &job.p), correlation_task, &job);
    if (job.status == 0) {
        total_job total = {&job.p, job.parts, job.total, dkernel};
        cdl_parallel(i, 1, (double)size / 4, total_task, &total);
        column_job column = {job.parts, o, job.bias_total, dbias};
        if (dbias)
            column_task(&column, 0, o);
    }
    cdl_release(job.total, bytes);
    return job.status;
}
