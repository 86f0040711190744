/* winograd.c - convolution with 3 x 3 kernels, with 4 multiplications where the sum over windows needs 9.
 *
 * Two neighbouring outputs of a convolution with three weights g need the four inputs d and only four products m:
 *
 *     y0 = d0 g0 + d1 g1 + d2 g2        m0 = (d0 - d2) g0       m1 = (d1 + d2) (g0 + g1 + g2) / 2       y0 = m0 + m1 + m2
 *     y1 = d1 g0 + d2 g1 + d3 g2        m3 = (d1 - d3) g2       m2 = (d2 - d1) (g0 - g1 + g2) / 2       y1 = m1 - m2 - m3
 *
 * Along both axes: 4 x 4 inputs and 3 x 3 weights become 16 numbers each, are multiplied, and become 2 x 2 outputs.
 * The sums over channels can be taken before the last step, which makes 16 matrix products of (tiles x i) by (i x o).
 * The same identity, read from the other side, gives the gradient of the kernel: three sums over windows of two dz.
 *
 *     image --spread--> v[16][tiles][i] --\
 *                                          products --> m[16][tiles][o] --gather--> y
 *     kernel --------> u[16][i][o] -------/
 *
 * One image (or a few rows of its tiles) at a time, so that everything stays in the second-level cache.
 *
 * S. Winograd, Arithmetic Complexity of Computations, SIAM 1980; A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural
 * Networks", CVPR 2016.  The error is about twice that of the plain sum.
 */

enum {
    POINTS = 16,                        /* products for a tile: 4 x 4 */
    BLOCK = 30,                         /* tiles that are worked on together, at most */
    PARTS_OF_BATCH = 8,                 /* gradients of the kernel are summed in so many parts, then these in order */
};

/* An image's pixels, each `channels` long, seen from `top`, `left`; what lies outside of it is zero. */
typedef struct {
    ptrdiff_t height, width, channels;
    ptrdiff_t top, left;                /* where tile (0, 0) begins */
    ptrdiff_t across;                   /* tiles in a row of tiles */
} plane;

static inline ptrdiff_t whole_vecs(ptrdiff_t size)
{
    return (size + VL - 1) / VL * VL;
}

/* The addresses of the size x size pixels of a tile. */
static inline void tile_pixels(const plane *p, ptrdiff_t tile_number, int size, const real *image, const real *zeros,
                               const real **pixel)
{
    const ptrdiff_t top = p->top + tile_number / p->across * 2, left = p->left + tile_number % p->across * 2;
    for (int r = 0; r < size; r++)
        for (int c = 0; c < size; c++) {
            const ptrdiff_t row = top + r, column = left + c;
            const int inside = row >= 0 && row < p->height && column >= 0 && column < p->width;
            pixel[r * size + c] = inside ? image + (row * p->width + column) * p->channels : zeros;
        }
}

/* ---- The transforms, of one register of channels ------------------------------------------------------------------ */

/* Inputs: B' d B with the rows of B' = (1 0 -1 0), (0 1 1 0), (0 -1 1 0), (0 1 0 -1). */
static inline __attribute__((always_inline)) void spread_inputs(const real *const pixel[16], ptrdiff_t at, ptrdiff_t left,
                                                                real *v, ptrdiff_t step)
{
    vec t[4][4];
    for (int c = 0; c < 4; c++) {
        vec d0 = load_n(pixel[c] + at, left), d1 = load_n(pixel[4 + c] + at, left);
        vec d2 = load_n(pixel[8 + c] + at, left), d3 = load_n(pixel[12 + c] + at, left);
        t[0][c] = d0 - d2;
        t[1][c] = d1 + d2;
        t[2][c] = d2 - d1;
        t[3][c] = d1 - d3;
    }
    for (int r = 0; r < 4; r++) {
        store(v + (4 * r + 0) * step, t[r][0] - t[r][2]);
        store(v + (4 * r + 1) * step, t[r][1] + t[r][2]);
        store(v + (4 * r + 2) * step, t[r][2] - t[r][1]);
        store(v + (4 * r + 3) * step, t[r][1] - t[r][3]);
    }
}

/* Weights: G g G' with the rows of G = (1 0 0), (1 1 1)/2, (1 -1 1)/2, (0 0 1). */
static inline __attribute__((always_inline)) void spread_weights(const vec g[9], real *u, ptrdiff_t step)
{
    const vec half = splat(0.5);
    vec t[4][3];
    for (int c = 0; c < 3; c++) {
        vec outer = half * (g[c] + g[6 + c]), inner = half * g[3 + c];
        t[0][c] = g[c];
        t[1][c] = outer + inner;
        t[2][c] = outer - inner;
        t[3][c] = g[6 + c];
    }
    for (int r = 0; r < 4; r++) {
        vec outer = half * (t[r][0] + t[r][2]), inner = half * t[r][1];
        store(u + (4 * r + 0) * step, t[r][0]);
        store(u + (4 * r + 1) * step, outer + inner);
        store(u + (4 * r + 2) * step, outer - inner);
        store(u + (4 * r + 3) * step, t[r][2]);
    }
}

/* Two by two dz, in the place of the weights: rows (1 0), (1 1)/2, (1 -1)/2, (0 1). */
static inline __attribute__((always_inline)) void spread_gradients(const real *const pixel[4], ptrdiff_t at,
                                                                   ptrdiff_t left, real *v, ptrdiff_t step)
{
    const vec half = splat(0.5);
    vec t[4][2];
    for (int c = 0; c < 2; c++) {
        vec g0 = load_n(pixel[c] + at, left), g1 = load_n(pixel[2 + c] + at, left);
        t[0][c] = g0;
        t[1][c] = half * (g0 + g1);
        t[2][c] = half * (g0 - g1);
        t[3][c] = g1;
    }
    for (int r = 0; r < 4; r++) {
        store(v + (4 * r + 0) * step, t[r][0]);
        store(v + (4 * r + 1) * step, half * (t[r][0] + t[r][1]));
        store(v + (4 * r + 2) * step, half * (t[r][0] - t[r][1]));
        store(v + (4 * r + 3) * step, t[r][1]);
    }
}

/* Outputs: A' m A with the rows of A' = (1 1 1 0), (0 1 -1 -1). */
static inline __attribute__((always_inline)) void gather_outputs(const real *m, ptrdiff_t step, vec y[4])
{
    vec t[2][4];
    for (int c = 0; c < 4; c++) {
        vec m0 = load(m + c * step), m1 = load(m + (4 + c) * step);
        vec m2 = load(m + (8 + c) * step), m3 = load(m + (12 + c) * step);
        t[0][c] = m0 + m1 + m2;
        t[1][c] = m1 - m2 - m3;
    }
    for (int r = 0; r < 2; r++) {
        y[2 * r] = t[r][0] + t[r][1] + t[r][2];
        y[2 * r + 1] = t[r][1] - t[r][2] - t[r][3];
    }
}

/* Three by three gradients of weights: rows (1 1 1 0), (0 1 -1 0), (0 1 1 -1). */
static inline __attribute__((always_inline)) void gather_weights(const real *m, ptrdiff_t step, vec y[9])
{
    vec t[3][4];
    for (int c = 0; c < 4; c++) {
        vec m0 = load(m + c * step), m1 = load(m + (4 + c) * step);
        vec m2 = load(m + (8 + c) * step), m3 = load(m + (12 + c) * step);
        t[0][c] = m0 + (m1 + m2);
        t[1][c] = m1 - m2;
        t[2][c] = m1 + m2 - m3;
    }
    for (int r = 0; r < 3; r++) {
        y[3 * r] = t[r][0] + (t[r][1] + t[r][2]);
        y[3 * r + 1] = t[r][1] - t[r][2];
        y[3 * r + 2] = t[r][1] + t[r][2] - t[r][3];
    }
}

/* ---- The kernel ---------------------------------------------------------------------------------------------------- */

/* u[panel][POINTS][k][NR] of the 3 x 3 matrices tap[9] (k x n). */
typedef struct {
    ptrdiff_t k, n;
    cdl_matrix tap[9];
    real *u;
    int status;
} kernel_job;

static void kernel_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    kernel_job *job = arg;
    const ptrdiff_t k = job->k;
    real *panel = cdl_workspace(sizeof(real) * (9 * k * NR + 1));
    if (panel == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    for (ptrdiff_t p = begin; p < end; p++) {
        for (int t = 0; t < 9; t++)
            pack_panel(k, least(NR, job->n - p * NR), job->tap[t],
                       (const real *)job->tap[t].data + p * NR * job->tap[t].column, panel + t * k * NR);
        real *u = job->u + p * POINTS * k * NR;
        for (ptrdiff_t at = 0; at < k * NR; at += VL) {
            vec g[9];
            for (int t = 0; t < 9; t++)
                g[t] = load(panel + t * k * NR + at);
            spread_weights(g, u + at, k * NR);
        }
    }
}

static inline ptrdiff_t kernel_size(ptrdiff_t k, ptrdiff_t n)
{
    return (n + NR - 1) / NR * NR * POINTS * k;
}

/* ---- A block of tiles --------------------------------------------------------------------------------------------- */

/* A convolution of images x[height, width, k] that gives y[rows, columns, n]. */
typedef struct {
    plane x;
    ptrdiff_t rows, columns, n;
    const real *u, *bias;
    cdl_function f;
} pass;

static inline ptrdiff_t tile_count(const pass *p)
{
    return (p->rows + 1) / 2 * ((p->columns + 1) / 2);
}

static inline ptrdiff_t block_size(const pass *p)
{
    return even_part(tile_count(p), BLOCK);
}

static inline ptrdiff_t block_count(const pass *p)
{
    return (tile_count(p) + block_size(p) - 1) / block_size(p);
}

static inline ptrdiff_t x_size(const pass *p)
{
    return p->x.height * p->x.width * p->x.channels;
}

static inline ptrdiff_t y_size(const pass *p)
{
    return p->rows * p->columns * p->n;
}

/* v[POINTS][block][k] of `count` tiles, k rounded up. */
static void spread_block(const pass *p, ptrdiff_t first_tile, ptrdiff_t count, const real *x, const real *zeros, real *v)
{
    const ptrdiff_t k = p->x.channels, row = whole_vecs(k), step = block_size(p) * row;
    for (ptrdiff_t t = 0; t < count; t++, v += row) {
        const real *pixel[16];
        tile_pixels(&p->x, first_tile + t, 4, x, zeros, pixel);
        ptrdiff_t j = 0;
        for (; j + VL <= k; j += VL)
            spread_inputs(pixel, j, VL, v + j, step);
        if (j < k)
            spread_inputs(pixel, j, k - j, v + j, step);
    }
}

/* The 2 x 2 outputs of a tile, channels [j, j + NR). */
static void store_outputs(const pass *p, ptrdiff_t tile_number, ptrdiff_t j, const real *m, ptrdiff_t step, real *y)
{
    const ptrdiff_t row = tile_number / p->x.across * 2, column = tile_number % p->x.across * 2;
    const ptrdiff_t down = least(2, p->rows - row), right = least(2, p->columns - column);
    const vec floor = splat(p->f == CDL_RELU ? 0 : -__builtin_inf());
    y += (row * p->columns + column) * p->n;
    for (ptrdiff_t v = 0; v < NR && j < p->n; v += VL, j += VL) {
        vec out[4], bias = p->bias ? load_n(p->bias + j, p->n - j) : splat(0);
        gather_outputs(m + v, step, out);
        for (int r = 0; r < down; r++)
            for (int c = 0; c < right; c++)
                store_n(y + (r * p->columns + c) * p->n + j, p->n - j, vmax(floor, out[2 * r + c] + bias));
        if (p->f > CDL_RELU)
            for (int r = 0; r < down; r++)
                finish(p->f, right, least(VL, p->n - j), y + r * p->columns * p->n + j, p->n);
    }
}

/* `scratch` holds scratch_size(p) numbers. */
static inline ptrdiff_t scratch_size(const pass *p)
{
    return POINTS * block_size(p) * (whole_vecs(p->x.channels) + NR);
}

/* The outputs of the tiles from first_tile on. */
static void convolve_block(const pass *p, ptrdiff_t first_tile, const real *x, const real *zeros, real *scratch, real *y)
{
    const ptrdiff_t k = p->x.channels, row = whole_vecs(k), block = block_size(p), zero = 0;
    const ptrdiff_t count = least(block, tile_count(p) - first_tile);
    real *v = scratch, *m = scratch + POINTS * block * row;
    spread_block(p, first_tile, count, x, zeros, v);
    for (ptrdiff_t j = 0; j < p->n; j += NR) {
        for (int point = 0; point < POINTS; point++)
            run_panel(v + point * block * row, (axis){1, count, row, &zero}, 0, m + point * block * NR,
                      (axis){1, count, NR, &zero}, NR, CDL_LINEAR, (tile_job){
                .k = {1, k, 1, &zero},
                .b = p->u + (j * POINTS + point * NR) * k, .b_step = NR,
                .floor = -__builtin_inf(),
            });
        for (ptrdiff_t t = 0; t < count; t++)
            store_outputs(p, first_tile + t, j, m + t * NR, block * NR, y);
    }
}

/* total[panel][POINTS][k][NR] (+)= the products of x and dz, which has the place of y in pass p. */
static void correlate_image(const pass *p, const real *x, const real *dz, const real *zeros, real *scratch, int first_image,
                      real *total)
{
    const ptrdiff_t k = p->x.channels, row = whole_vecs(k), tiles = tile_count(p), block = block_size(p), zero = 0;
    const plane z = {p->rows, p->columns, p->n, 0, 0, p->x.across};
    real *v = scratch, *d = scratch + POINTS * block * row;
    for (ptrdiff_t first_tile = 0; first_tile < tiles; first_tile += block) {
        const ptrdiff_t count = least(block, tiles - first_tile);
        spread_block(p, first_tile, count, x, zeros, v);
        for (ptrdiff_t j = 0; j < p->n; j += NR) {
            for (ptrdiff_t t = 0; t < count; t++) {
                const real *pixel[4];
                tile_pixels(&z, first_tile + t, 2, dz, zeros, pixel);
                for (ptrdiff_t c = 0; c < NR; c += VL)
                    spread_gradients(pixel, j + c, p->n - j - c, d + t * NR + c, block * NR);
            }
            for (int point = 0; point < POINTS; point++)
                run_panel(v + point * block * row, (axis){1, k, 1, &zero}, 0, total + (j * POINTS + point * NR) * k,
                          (axis){1, k, NR, &zero}, NR, CDL_LINEAR, (tile_job){
                    .k = {1, count, row, &zero},
                    .b = d + point * block * NR, .b_step = NR,
                    .continued = !first_image || first_tile > 0,
                    .floor = -__builtin_inf(),
                });
        }
    }
}

/* ---- y, and dx, which is a convolution of dz with the kernel turned about -------------------------------------------- */

typedef struct {
    pass p;
    field x;
    real *y;
    int status;
} winograd_job;

static void winograd_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    winograd_job *job = arg;
    const pass *p = &job->p;
    const ptrdiff_t row = whole_vecs(p->x.channels), blocks = block_count(p);
    const ptrdiff_t own_size = job->x.f == CDL_LINEAR ? 0 : whole_vecs(x_size(p));
    real *zeros = cdl_workspace(sizeof(real) * (row + own_size + scratch_size(p)));
    if (zeros == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    memset(zeros, 0, sizeof(real) * row);
    const real *x = NULL;
    for (ptrdiff_t item = begin; item < end; item++) {
        const ptrdiff_t n = item / blocks, block = item % blocks;
        if (block == 0 || item == begin)
            x = values(job->x, n * x_size(p), (n + 1) * x_size(p), zeros + row);
        convolve_block(p, block * block_size(p), x, zeros, zeros + row + own_size, job->y + n * y_size(p));
    }
}

static double pass_cost(ptrdiff_t n, const pass *p)
{
    return (double)n * tile_count(p) * POINTS * p->x.channels * whole_vecs(p->n) / (5 * VL);
}

/* The pass p of n images; tap[t] are the matrices (channels of x) x (channels of y) of its kernel. */
static int winograd_pass(ptrdiff_t n, pass p, field x, const cdl_matrix tap[9], real *y)
{
    const ptrdiff_t k = p.x.channels, panels = (p.n + NR - 1) / NR;
    const size_t bytes = sizeof(real) * kernel_size(k, p.n);
    kernel_job u = {.k = k, .n = p.n, .u = cdl_take(bytes)};
    if (u.u == NULL)
        return -1;
    memcpy(u.tap, tap, sizeof u.tap);
    cdl_parallel(panels, 1, (double)k * p.n * 2, kernel_task, &u);
    p.u = u.u;
    winograd_job job = {p, x, y, u.status};
    if (job.status == 0)
        cdl_parallel(n * block_count(&p), 1, pass_cost(n, &p), winograd_task, &job);
    cdl_release(u.u, bytes);
    return job.status;
}

/* Whether this file can do it, and does it faster: with few channels, the transforms cost more than they save. */
static int winograd_suits(ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w)
{
    enum { LEAST = 12 };
    for (int a = 0; a < 3; a++)
        if (w->size[a] != (a == 0 ? 1 : 3) || w->stride[a] != 1 || w->dilation[a] != 1)
            return 0;
    return groups == 1 && w->in[0] == 1 && w->before[0] == 0 && w->out[0] == 1 && i >= LEAST && o >= LEAST;
}

static pass forward_pass(ptrdiff_t i, ptrdiff_t o, const cdl_windows *w)
{
    return (pass){
        .x = {w->in[1], w->in[2], i, -w->before[1], -w->before[2], (w->out[2] + 1) / 2},
        .rows = w->out[1], .columns = w->out[2], .n = o,
    };
}

static int winograd(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *w, field x, const real *kernel,
                    const real *bias, cdl_function f, real *y)
{
    pass p = forward_pass(i, o, w);
    p.bias = bias;
    p.f = f;
    cdl_matrix tap[9];
    for (int t = 0; t < 9; t++)
        tap[t] = (cdl_matrix){kernel + t * i * o, o, 1};
    return winograd_pass(n, p, x, tap, y);
}

static int winograd_input_gradient(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *w, field dz,
                                   const real *kernel, const real *bias, cdl_function f, real *dx)
{
    const pass p = {
        .x = {w->out[1], w->out[2], o, w->before[1] - 2, w->before[2] - 2, (w->in[2] + 1) / 2},
        .rows = w->in[1], .columns = w->in[2], .n = i, .bias = bias, .f = f,
    };
    cdl_matrix tap[9];
    for (int t = 0; t < 9; t++)
        tap[t] = (cdl_matrix){kernel + (8 - t) * i * o, 1, o};
    return winograd_pass(n, p, dz, tap, dx);
}

/* ---- The gradient of the kernel ------------------------------------------------------------------------------------ */

typedef struct {
    pass p;
    ptrdiff_t n, parts;                 /* images; parts of them, each with totals of its own */
    field x, dz;
    real *total, *bias_total;           /* the latter NULL if not wanted */
    ptrdiff_t total_size;
    int status;
} correlation_job;

static void correlation_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    correlation_job *job = arg;
    const pass *p = &job->p;
    const ptrdiff_t size = x_size(p), z_size = y_size(p), o = p->n;
    const ptrdiff_t row = whole_vecs(most(p->x.channels, o));
    const ptrdiff_t x_room = job->x.f == CDL_LINEAR ? 0 : whole_vecs(size);
    const ptrdiff_t z_room = job->dz.f == CDL_LINEAR ? 0 : whole_vecs(z_size);
    real *zeros = cdl_workspace(sizeof(real) * (row + x_room + z_room + scratch_size(p)));
    if (zeros == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    memset(zeros, 0, sizeof(real) * row);
    for (ptrdiff_t part = begin; part < end; part++) {
        const ptrdiff_t first_image = job->n * part / job->parts, last = job->n * (part + 1) / job->parts;
        real *bias_total = job->bias_total + part * o;
        if (job->bias_total)
            memset(bias_total, 0, sizeof(real) * o);
        for (ptrdiff_t n = first_image; n < last; n++) {
            const real *x = values(job->x, n * size, (n + 1) * size, zeros + row);
            const real *dz = values(job->dz, n * z_size, (n + 1) * z_size, zeros + row + x_room);
            correlate_image(p, x, dz, zeros, zeros + row + x_room + z_room, n == first_image,
                            job->total + part * job->total_size);
            if (job->bias_total)
                add_rows(p->rows * p->columns, o, dz, bias_total);
        }
    }
}

/* From the totals of the parts to the gradient, for input channels [begin, end). */
typedef struct {
    ptrdiff_t i, o, parts, total_size;
    const real *total;
    real *dkernel;
} total_job;

static void total_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const total_job *job = arg;
    for (ptrdiff_t i = begin; i < end; i++)
        for (ptrdiff_t j = 0; j < job->o; j += VL) {
            real m[POINTS * VL];
            const real *from = job->total + (j / NR * POINTS * job->i + i) * NR + j % NR;
            for (int point = 0; point < POINTS; point++, from += job->i * NR) {
                vec sum = load(from);
                for (ptrdiff_t part = 1; part < job->parts; part++)
                    sum += load(from + part * job->total_size);
                store(m + point * VL, sum);
            }
            vec g[9];
            gather_weights(m, VL, g);
            for (int t = 0; t < 9; t++)
                store_n(job->dkernel + (t * job->i + i) * job->o + j, job->o - j, g[t]);
        }
}

/* n > 0.  dbias may be NULL. */
static int winograd_kernel_gradient(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *w, field x, field dz,
                                    real *dkernel, real *dbias)
{
    const ptrdiff_t parts = least(n, PARTS_OF_BATCH), total_size = kernel_size(i, o);
    const size_t bytes = sizeof(real) * parts * (total_size + o);
    real *total = cdl_take(bytes), *bias_total = dbias ? total + parts * total_size : NULL;
    if (total == NULL)
        return -1;
    correlation_job job = {forward_pass(i, o, w), n, parts, x, dz, total, bias_total, total_size, 0};
    cdl_parallel(parts, 1, pass_cost(n, &job.p), correlation_task, &job);
    if (job.status == 0) {
        total_job gather = {i, o, parts, total_size, total, dkernel};
        cdl_parallel(i, 1, (double)parts * total_size / 4, total_task, &gather);
        column_job column = {parts, o, bias_total, dbias};
        if (dbias)
            column_task(&column, 0, o);
    }
    cdl_release(total, bytes);
    return job.status;
}
