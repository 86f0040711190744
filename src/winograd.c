/* winograd.c - convolution with kernels of 3 or 5 along an axis, with a fraction of the multiplications.
 *
 * Four neighbouring outputs of a convolution with three weights g see six inputs d, and need only six products:
 *
 *     y = interpolate(spread(d) * evaluate(g))
 *
 * `evaluate` gives the values of the polynomial g0 + g1 a + g2 a^2 at six points a; `interpolate` and `spread` are
 * what is needed around a product of polynomials, found from its values, to make it this sum over windows (Toom and Cook's
 * multiplication, transposed).  With five weights it is two outputs for six products.  Along both axes of an image, 36
 * products give 16 outputs, where the plain sum multiplies 144 times; and since the sums over channels can be taken
 * before the last step, they are 36 matrix products of (tiles x i) by (i x o).  Where only one axis has a kernel, a tile is
 * longer: six outputs with three weights, or four with five, see eight inputs and need eight products.
 *
 *     image --spread----> v[36][tiles][i] --\
 *                                            products --> m[36][tiles][o] --interpolate--> y
 *     kernel --evaluate-> u[36][i][o] ------/
 *
 * A few rows of tiles, or a few images, are worked on at a time, so that everything stays in the second-level cache.
 *
 * S. Winograd, Arithmetic Complexity of Computations, SIAM 1980; A. Lavin, S. Gray, "Fast Algorithms for Convolutional
 * Neural Networks", CVPR 2016.  The three steps are in winograd_transform.c.
 */

enum {
    BLOCK_SIZE = 64 * 1024,             /* numbers in v and m for the tiles that are worked on together, about */
    FEWEST_TILES = 24,                  /* in a block, about */
};

/* At least `size`, and an odd number of cache lines: the 36 places that are this far apart lie in different sets. */
static inline ptrdiff_t odd_lines(ptrdiff_t size)
{
    return round_up(size, LANES) | LANES;
}

/* ---- A convolution, and its tiles ------------------------------------------------------------------------------------ */

/* Images x[height, width, k] that give y[rows, columns, n].  Tile (0, 0) covers the positions of x from `top`, `left`. */
typedef struct {
    ptrdiff_t height, width, k, top, left, rows, columns, n;
    cut_axis down, across;
    const real *u, *bias;
    cdl_function f;
    ptrdiff_t tiles, tiles_across;      /* of an image, and in a row of them */
    ptrdiff_t block, images;            /* tiles that are worked on together, and images that they may lie in */
    int points;                         /* of a tile */
    ptrdiff_t v_step, m_step, u_step;   /* from point to point in v, in m, and in a panel of u */
} pass;

static pass make_pass(ptrdiff_t height, ptrdiff_t width, ptrdiff_t k, ptrdiff_t top, ptrdiff_t left, ptrdiff_t rows,
                      ptrdiff_t columns, ptrdiff_t n, const cdl_windows *w)
{
    const cut_axis down = make_cut(w->size[1], w->size[2]), across = make_cut(w->size[2], w->size[1]);
    pass p = {height, width, k, top, left, rows, columns, n, down, across, NULL, NULL, CDL_LINEAR, 0, 0, 0, 1, 0, 0, 0,
              odd_lines(k * NR)};
    p.points = p.down.points * p.across.points;
    p.tiles_across = (columns + p.across.outputs - 1) / p.across.outputs;
    p.tiles = (rows + p.down.outputs - 1) / p.down.outputs * p.tiles_across;
    const ptrdiff_t room = most(FEWEST_TILES, BLOCK_SIZE / (p.points * (round_up(k, VL) + NR)));
    if (p.tiles < room)
        p.images = most(1, (room + p.tiles / 2) / most(1, p.tiles));
    p.block = p.images > 1 ? p.images * p.tiles : even_part(p.tiles, room);
    p.v_step = odd_lines(p.block * round_up(k, VL));
    p.m_step = odd_lines(p.block * NR);
    return p;
}

static inline ptrdiff_t x_size(const pass *p)
{
    return p->height * p->width * p->k;
}

static inline ptrdiff_t y_size(const pass *p)
{
    return p->rows * p->columns * p->n;
}

/* The numbers in v and m. */
static inline ptrdiff_t scratch_size(const pass *p)
{
    return p->points * (p->v_step + p->m_step);
}

/* The numbers in u. */
static inline ptrdiff_t kernel_size(const pass *p)
{
    return (p->n + NR - 1) / NR * p->points * p->u_step;
}

static double pass_cost(ptrdiff_t n, const pass *p)
{
    return (double)n * p->tiles * p->points * p->k * round_up(p->n, VL) / (4 * VL);
}

/* Tile number t of a block lies in image `image`, and its first output in row `row`, column `column` of y. */
typedef struct {
    ptrdiff_t image, row, column;
} place;

static inline place place_of(const pass *p, ptrdiff_t t)
{
    const ptrdiff_t in_image = t % p->tiles;
    return (place){t / p->tiles, in_image / p->tiles_across * p->down.outputs,
                   in_image % p->tiles_across * p->across.outputs};
}

static inline place next_place(const pass *p, place at)
{
    at.column += p->across.outputs;
    if (at.column < p->columns)
        return at;
    at.row += p->down.outputs;
    return at.row < p->rows ? (place){at.image, at.row, 0} : (place){at.image + 1, 0, 0};
}

/* Where the channels of each pixel of a tile, or the weights of each tap, begin. */
typedef struct {
    const real *at[EIGHT][EIGHT];
} patch;

/* rows x columns pixels of an image [height, width, channels] from `top`, `left`; zeros outside of it. */
static inline patch find_pixels(const real *image, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels, ptrdiff_t top,
                                 ptrdiff_t left, int rows, int columns, const real *zeros)
{
    patch found;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            const ptrdiff_t row = top + r, column = left + c;
            const int inside = row >= 0 && row < height && column >= 0 && column < width;
            found.at[r][c] = inside ? image + (row * width + column) * channels : zeros;
        }
    return found;
}

/* v[point * distance] = the transform of one register of channels, from number j on. */
static inline __attribute__((always_inline)) void transform_pixels(stage which, int down, int across, const patch *from,
                                                                   ptrdiff_t j, ptrdiff_t left, real *v,
                                                                   ptrdiff_t distance)
{
    const int points = points_of(down, across);
    square x;
    for (int r = 0; r < before(which, points, down); r++)
        for (int c = 0; c < before(which, points, across); c++)
            x[r][c] = load_n(from->at[r][c] + j, left);
    transform(which, down, across, x);
    for (int r = 0; r < after(which, points, down); r++)
        for (int c = 0; c < after(which, points, across); c++, v += distance)
            store(v, x[r][c]);
}

/* v[points][block][k] of `count` tiles, k rounded up. */
static inline __attribute__((always_inline)) void spread_tiles(const pass *p, int down, int across, ptrdiff_t first_tile,
                                                               ptrdiff_t count, const real *x, const real *zeros, real *v)
{
    const ptrdiff_t k = p->k, row = round_up(k, VL);
    place at = place_of(p, first_tile);
    for (ptrdiff_t t = 0; t < count; t++, v += row, at = next_place(p, at)) {
        const patch tile = find_pixels(x + at.image * x_size(p), p->height, p->width, k, p->top + at.row,
                                        p->left + at.column, down, across, zeros);
        ptrdiff_t j = 0;
        for (; j + VL <= k; j += VL)
            transform_pixels(SPREAD, down, across, &tile, j, VL, v + j, p->v_step);
        if (j < k)
            transform_pixels(SPREAD, down, across, &tile, j, k - j, v + j, p->v_step);
    }
}

/* Here and below: the counts are constants, so that each case has loops of its own. */
#define FOR_OUTPUTS(p, f, ...)                                                                                            \
    switch (10 * (p)->down.outputs + (p)->across.outputs) {                                                               \
    case 44: f(p, 4, 4, __VA_ARGS__); break;                                                                              \
    case 22: f(p, 2, 2, __VA_ARGS__); break;                                                                              \
    case 42: f(p, 4, 2, __VA_ARGS__); break;                                                                              \
    case 24: f(p, 2, 4, __VA_ARGS__); break;                                                                              \
    case 16: f(p, 1, 6, __VA_ARGS__); break;                                                                              \
    case 14: f(p, 1, 4, __VA_ARGS__); break;                                                                              \
    case 61: f(p, 6, 1, __VA_ARGS__); break;                                                                              \
    case 41: f(p, 4, 1, __VA_ARGS__); break;                                                                              \
    }

static void spread_block(const pass *p, ptrdiff_t first_tile, ptrdiff_t count, const real *x, const real *zeros, real *v)
{
    if (p->down.taps > 1 && p->across.taps > 1)
        spread_tiles(p, SIX, SIX, first_tile, count, x, zeros, v);
    else if (p->across.taps > 1)
        spread_tiles(p, 1, EIGHT, first_tile, count, x, zeros, v);
    else
        spread_tiles(p, EIGHT, 1, first_tile, count, x, zeros, v);
}

/* y[r][c] = max(x[r][c] + bias, floor), for one register of channels, or the `left` that there are. */
static inline __attribute__((always_inline)) void store_pixels(square x, int rows, int columns, vec bias, vec floor,
                                                               real *y, ptrdiff_t row, ptrdiff_t channels, ptrdiff_t left)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            store_n(y + r * row + c * channels, left, vmax(floor, x[r][c] + bias));
}

/* The same where a tile reaches beyond the image or a register beyond the channels. */
static __attribute__((noinline)) void store_part(square x, int rows, int columns, vec bias, vec floor, real *y,
                                                 ptrdiff_t row, ptrdiff_t channels, ptrdiff_t left)
{
    store_pixels(x, rows, columns, bias, floor, y, row, channels, left);
}

/* The outputs of tiles, channels [j, j + NR) of them, from m[points][block][NR]. */
static inline __attribute__((always_inline)) void store_tiles(const pass *p, int down, int across, ptrdiff_t first_tile,
                                                              ptrdiff_t count, ptrdiff_t j, const real *m, real *y)
{
    const ptrdiff_t channels = p->n, row = p->columns * channels, m_step = p->m_step;
    const int points = points_of(down, across);
    const vec floor = splat(p->f == CDL_RELU ? 0 : -__builtin_inf());
    vec bias[NR / VL];
    for (ptrdiff_t v = 0; v < NR; v += VL)
        bias[v / VL] = p->bias ? load_n(p->bias + j + v, channels - j - v) : splat(0);
    place at = place_of(p, first_tile);
    for (ptrdiff_t t = 0; t < count; t++, m += NR, at = next_place(p, at)) {
        const int rows = (int)least(down, p->rows - at.row), columns = (int)least(across, p->columns - at.column);
        real *corner = y + at.image * y_size(p) + at.row * row + at.column * channels + j;
        for (ptrdiff_t v = 0, left = channels - j; v < NR && left > 0; v += VL, left -= VL) {
            square x;
            const real *from = m + v;
            for (int r = 0; r < before(INTERPOLATE, points, down); r++)
                for (int c = 0; c < before(INTERPOLATE, points, across); c++, from += m_step)
                    x[r][c] = load(from);
            transform(INTERPOLATE, down, across, x);
            if (rows == down && columns == across && left >= VL)
                store_pixels(x, down, across, bias[v / VL], floor, corner + v, row, channels, VL);
            else {
                square part;            /* a copy, for an array whose address is given away is in memory throughout */
                for (int r = 0; r < down; r++)
                    for (int c = 0; c < across; c++)
                        part[r][c] = x[r][c];
                store_part(part, rows, columns, bias[v / VL], floor, corner + v, row, channels, left);
            }
            for (int r = 0; p->f > CDL_RELU && r < rows; r++)
                finish(p->f, columns, least(VL, left), corner + v + r * row, channels);
        }
    }
}

static void store_block(const pass *p, ptrdiff_t first_tile, ptrdiff_t count, ptrdiff_t j, const real *m, real *y)
{
    FOR_OUTPUTS(p, store_tiles, first_tile, count, j, m, y)
}

/* ---- The kernel ------------------------------------------------------------------------------------------------------ */

/* A matrix (channels of x) x (channels of y) for each tap, row by row of the kernel. */
typedef struct {
    cdl_matrix first;
    ptrdiff_t next;                     /* from the data of one tap to those of the next */
} kernel_taps;

/* u[panel][points][k][NR] of a kernel. */
typedef struct {
    const pass *p;
    kernel_taps kernel;
    real *u;
    int status;
} kernel_job;

static void kernel_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    kernel_job *job = arg;
    const pass *p = job->p;
    const int down = p->down.taps, across = p->across.taps;
    const cdl_matrix kernel = job->kernel.first;
    const ptrdiff_t k = p->k, size = k * NR, packed = kernel.column != 1, row = packed ? NR : kernel.row;
    real *panel = cdl_workspace(sizeof(real) * (packed * down * across * size + 1));
    if (panel == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    for (ptrdiff_t j = begin; j < end; j++) {
        const ptrdiff_t columns = least(NR, p->n - j * NR);
        patch tap;
        for (int t = 0; t < down * across; t++) {
            const real *weights = (const real *)kernel.data + t * job->kernel.next + j * NR * kernel.column;
            if (packed)
                pack_panel(k, columns, kernel, weights, panel + t * size);
            tap.at[t / across][t % across] = packed ? panel + t * size : weights;
        }
        real *u = job->u + j * p->points * p->u_step;
        for (ptrdiff_t at = 0; at < size; at += VL) {
            const ptrdiff_t from = at / NR * row + at % NR, left = columns - at % NR;
            if (down == 3 && across == 3)
                transform_pixels(EVALUATE, 3, 3, &tap, from, left, u + at, p->u_step);
            else
                transform_pixels(EVALUATE, down, across, &tap, from, left, u + at, p->u_step);
        }
    }
}

/* ---- y, and dx, which is a convolution of dz with the kernel turned about -------------------------------------------- */

typedef struct {
    pass p;
    ptrdiff_t n, blocks;                /* images; blocks of an image, or 1 where a block holds several */
    field x;
    real *y;
    int status;
} winograd_job;

/* m[points][block][NR] = the products for channels [j, j + NR) of y.  Meanwhile x and y of the next block are fetched. */
static void multiply(const pass *p, ptrdiff_t count, ptrdiff_t j, const real *v, errand ahead[2], real *m)
{
    const ptrdiff_t row = round_up(p->k, VL), zero = 0;
    const tiling tiles = tiles_of(count, MR);
    tile_job job = {.k = {1, p->k, 1, &zero}, .b_step = NR, .floor = -__builtin_inf()};
    for (int point = 0; point < p->points; point++) {
        job.b = p->u + (j / NR * p->points + point) * p->u_step;
        job.errand = &ahead[point % 2];
        run_evenly(v + point * p->v_step, row, 0, m + point * p->m_step, NR, tiles, NR, CDL_LINEAR, &job);
    }
}

static void winograd_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    winograd_job *job = arg;
    const pass *p = &job->p;
    const ptrdiff_t row = round_up(p->k, VL);
    const ptrdiff_t x_room = job->x.f == CDL_LINEAR ? 0 : round_up(p->images * x_size(p), VL);
    real *zeros = cdl_workspace(sizeof(real) * (row + x_room + scratch_size(p)));
    if (zeros == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    memset(zeros, 0, sizeof(real) * row);
    real *v = zeros + row + x_room, *m = v + p->points * p->v_step;
    const real *x = NULL;
    const ptrdiff_t items = (job->n + p->images - 1) / p->images * job->blocks;
    for (ptrdiff_t item = begin; item < end; item++) {
        const ptrdiff_t image = item / job->blocks * p->images, images = least(p->images, job->n - image);
        const ptrdiff_t first_tile = item % job->blocks * p->block;
        const ptrdiff_t count = least(p->block, images * p->tiles - first_tile);
        if (first_tile == 0 || item == begin)
            x = values(job->x, image * x_size(p), (image + images) * x_size(p), zeros + row);
        const ptrdiff_t tiles = (p->n + NR - 1) / NR * (p->points / 2) * ((count + MR - 1) / MR);
        errand ahead[] = {fetch(job->x.x, job->n * x_size(p), item + 1, item + 2, items, tiles),
                          fetch(job->y, job->n * y_size(p), item + 1, item + 2, items, tiles)};
        spread_block(p, first_tile, count, x, zeros, v);
        for (ptrdiff_t j = 0; j < p->n; j += NR) {
            multiply(p, count, j, v, ahead, m);
            store_block(p, first_tile, count, j, m, job->y + image * y_size(p));
        }
    }
}

/* The pass p of n images. */
static int winograd_pass(ptrdiff_t n, pass p, field x, kernel_taps kernel, real *y)
{
    const size_t bytes = sizeof(real) * kernel_size(&p);
    kernel_job u = {&p, kernel, cdl_take(bytes), 0};
    if (u.u == NULL)
        return -1;
    cdl_parallel((p.n + NR - 1) / NR, 1, (double)kernel_size(&p) / 4, kernel_task, &u);
    p.u = u.u;
    winograd_job job = {p, n, (p.tiles + p.block - 1) / p.block, x, y, u.status};
    if (job.status == 0)
        cdl_parallel((n + p.images - 1) / p.images * job.blocks, 1, pass_cost(n, &p), winograd_task, &job);
    cdl_release(u.u, bytes);
    return job.status;
}

/* Whether this file can do it, and faster than by the plain sum.  The choice must be the same on all machines. */
static int winograd_suits(ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w)
{
    enum { FEWEST_CHANNELS = 8 };
    for (int a = 0; a < 3; a++) {
        const ptrdiff_t size = w->size[a];
        if ((size != 1 && (a == 0 || (size != 3 && size != 5))) || w->stride[a] != 1 || w->dilation[a] != 1)
            return 0;
    }
    const ptrdiff_t taps = w->size[1] * w->size[2], outputs = w->out[1] * w->out[2];
    if (groups > 1 || i < FEWEST_CHANNELS || o < FEWEST_CHANNELS || taps == 1 || w->in[0] > 1 || w->before[0] > 0)
        return 0;
    /* For each input channel, in products of the plain sum: ours cost a bit more, since their sums are shorter, and come by
     * LANES; and a number is transformed in the time of LANES / 2 products.  Measured at 56 sizes. */
    const pass p = make_pass(0, 0, i, 0, 0, w->out[1], w->out[2], o, w);
    const double products = 1.1 * round_up(o, LANES), transforms = LANES / 2 * (1 + (double)o / i);
    return (products + transforms) * p.points * p.tiles < (double)round_up(o, LANES / 2) * taps * outputs;
}

static pass forward_pass(ptrdiff_t i, ptrdiff_t o, const cdl_windows *w)
{
    return make_pass(w->in[1], w->in[2], i, -w->before[1], -w->before[2], w->out[1], w->out[2], o, w);
}

static int winograd(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *w, field x, const real *kernel,
                    const real *bias, cdl_function f, real *y)
{
    pass p = forward_pass(i, o, w);
    p.bias = bias;
    p.f = f;
    return winograd_pass(n, p, x, (kernel_taps){{kernel, o, 1}, i * o}, y);
}

static int winograd_input_gradient(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *w, field dz,
                                   const real *kernel, const real *bias, cdl_function f, real *dx)
{
    pass p = make_pass(w->out[1], w->out[2], o, w->before[1] - w->size[1] + 1, w->before[2] - w->size[2] + 1, w->in[1],
                       w->in[2], i, w);
    p.bias = bias;
    p.f = f;
    const real *last_tap = kernel + (w->size[1] * w->size[2] - 1) * i * o;
    return winograd_pass(n, p, dz, (kernel_taps){{last_tap, 1, o}, -i * o}, dx);
}
