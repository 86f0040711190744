/* gemm.c - the matrix product  c = f(a b + bias).
 *
 *              n                       A tile of MR x NR elements of c stays in registers while k runs:
 *          +---+---+---+
 *        k |   | B |   |                   for k:  c[r][:] += a[r][k] * b[k][:]       r = 0 .. MR-1
 *          |   |   |   |
 *          +---+---+---+               one multiply-add for each register and k, in order, so every element is one chain
 *      k                               whatever the loops around it do, and the result has the same bits.
 *   +-----+---+---+---+
 *   |     |   |   |   |                The loops around the tile, from the outside:
 * m +-----+---+---+---+
 *   |  A  |   |TTT|   | <- MR rows         threads     each has some rows or some columns of c, and does all the rest:
 *   +-----+---+---+---+                    rows        as many of a as the cache holds, which is more if a is not copied
 *   |     |   |   |   |                      depth     KC steps of k; a sum rests in c between two of these
 *   +-----+---+---+---+                        panel   NR columns of b, laid together by the first tile, or before (packed)
 *               ^ NR columns                     tile  MR rows
 *
 * Transposed operands are strides: the tile reads a[r][k] at any two strides, and packing turns b.  What lies well in
 * memory already is read in place: a, unless its columns collide in the cache, and the rows of b when c has few rows.
 * Blocks of rows that fit into a nearer cache, with long panels or short ones, were no faster at 1024^3 and 2048^3 (AVX2).
 *
 * Reading: K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008.
 */

enum {
    KC = 1024,
    COPY_M = 384, COPY_K = 256,         /* the block of a that is copied, if a is: 384 KB */
    BLOCK_A = (8 << 20) / sizeof(real), /* numbers of a that are read once for each panel, from the third-level cache */
    IN_PLACE = 16,                      /* up to so many rows, b is read in place */
    LAID = 256,                         /* up to so many, the first tile lays a panel; with more, packing is not felt */
};

/* ---- One thread's part -------------------------------------------------------------------------------------------- */

typedef struct {
    ptrdiff_t m, n, k;
    cdl_matrix a, b;
    const real *bias;
    cdl_function f;
    int accumulate;
    real *c;
    ptrdiff_t c_row;
    int by_rows;                        /* threads share the rows of c, else its columns */
} product;

/* The size of equal parts of at most `most`, rather than full parts and a rest: a tile of 2 rows is not 3 times faster
 * than one of 6. */
static inline ptrdiff_t even_part(ptrdiff_t size, ptrdiff_t most)
{
    ptrdiff_t parts = (size + most - 1) / most;
    return parts > 1 ? (size + parts - 1) / parts : size;
}

/* f(c), in place, where it is too long for the tile. */
static void finish(cdl_function f, ptrdiff_t rows, ptrdiff_t columns, real *c, ptrdiff_t c_row)
{
    switch (f) {
    case CDL_RELU:    each(c, rows, columns, c_row, f_relu);    break;
    case CDL_SIGMOID: each(c, rows, columns, c_row, f_sigmoid); break;
    case CDL_TANH:    each(c, rows, columns, c_row, f_tanh);    break;
    default:          break;
    }
}

/* Tiles of `height` rows: as many as job->tiles says, or one if there is more to be done than storing whole registers. */
static inline void run_tiles(ptrdiff_t height, ptrdiff_t columns, tile_job *job)
{
    if (job->panel)
        run_first(height, job);
    else if (columns == WIDE)
        run_wide(height, job);
    else if (columns == NR)
        run_tile(height, job);
    else if (columns == VL)
        run_half(height, job);
    else
        run_edge(height, columns, job);
}

/* Rows that are equally far apart, in a and in c. */
static void run_evenly(const real *a, ptrdiff_t a_row, ptrdiff_t a_tile, real *c, ptrdiff_t c_row, tiling tiles,
                       ptrdiff_t columns, cdl_function f, tile_job *job)
{
    enum { UNFINISHED = 16 };           /* tiles, which stay in the first-level cache */
    const ptrdiff_t whole = columns == NR || columns == VL || columns == WIDE;
    const ptrdiff_t longest = !whole ? 1 : f > CDL_RELU ? UNFINISHED : tiles.count;
    for (ptrdiff_t t = 0; t < tiles.count; t += job->tiles) {
        const ptrdiff_t height = tiles.low + (t < tiles.higher);
        job->tiles = job->panel ? 1 : least(longest, (t < tiles.higher ? tiles.higher : tiles.count) - t);
        job->a_next = a_tile ? a_tile : height * a_row;
        job->c_next = height * c_row;
        for (ptrdiff_t r = 0; r < height; r++) {
            job->a[r] = a + r * a_row;
            job->c[r] = c + r * c_row;
        }
        run_tiles(height, columns, job);
        if (job->panel) {
            job->b = job->panel;
            job->b_step = NR;
            job->panel = NULL;
        }
        if (f > CDL_RELU)
            finish(f, job->tiles * height, columns, c, c_row);
        a += job->tiles * job->a_next;
        c += job->tiles * job->c_next;
    }
}

/* Row number `place` of run `run`, if runs have `length` rows; an axis that has a single run is counted on through it. */
static inline ptrdiff_t place_of_row(const axis *rows, ptrdiff_t run, ptrdiff_t place, ptrdiff_t length)
{
    const ptrdiff_t start = rows->runs > 1 ? rows->start[run] : rows->start[0] + run * length * rows->step;
    return start + place * rows->step;
}

/* One panel: all rows and `columns` columns of c: up to NR, or WIDE.  `job` has all but its rows, which lie at a and c
 * along their axes; a_tile is the distance of tiles in a copied a, or 0.  f is applied when the sums are complete. */
static void run_panel(const real *a, axis a_rows, ptrdiff_t a_tile, real *c, axis c_rows, ptrdiff_t columns,
                      cdl_function f, tile_job job)
{
    real bias[NR];
    if (job.bias && columns < NR) {
        for (ptrdiff_t j = 0; j < NR; j += VL)
            store(bias + j, load_n(job.bias + j, columns - j));
        job.bias = bias;
    }
    /* A tile ends with the run that it is in, unless runs are short. */
    const ptrdiff_t tallest = columns == WIDE ? WIDE_ROWS : MR;
    const ptrdiff_t runs = most(a_rows.runs, c_rows.runs), length = least(a_rows.length, c_rows.length);
    if (length > tallest || runs <= 1) {
        const tiling tiles = tiles_of(length, tallest);
        for (ptrdiff_t run = 0; run < runs; run++)
            run_evenly(a + place_of_row(&a_rows, run, 0, length), a_rows.step, a_tile,
                       c + place_of_row(&c_rows, run, 0, length), c_rows.step, tiles, columns, f, &job);
        return;
    }
    const tiling tiles = tiles_of(runs * length, tallest);
    ptrdiff_t run = 0, place = 0;
    job.tiles = 1;
    for (ptrdiff_t t = 0; t < tiles.count; t++) {
        const ptrdiff_t height = tiles.low + (t < tiles.higher);
        for (ptrdiff_t r = 0; r < height; r++) {
            job.a[r] = a + place_of_row(&a_rows, run, place, length);
            job.c[r] = c + place_of_row(&c_rows, run, place, length);
            if (++place == length) {
                place = 0;
                run++;
            }
        }
        run_tiles(height, columns, &job);
        for (ptrdiff_t r = 0; f > CDL_RELU && r < height; r++)
            finish(f, 1, columns, job.c[r], 0);
    }
}

/* ---- A single row ------------------------------------------------------------------------------------------------- */

/* Columns [left, right) of row number `row` of c. */
static void single_row(const product *p, ptrdiff_t row, ptrdiff_t left, ptrdiff_t right)
{
    const ptrdiff_t columns = right - left;
    real *c = p->c + row * p->c_row + left;
    for (ptrdiff_t j = 0; !p->accumulate && j < columns; j++)
        c[j] = p->bias ? p->bias[left + j] : 0;
    add_rows_of_b(p->k, (const real *)p->a.data + row * p->a.row, p->a.column, (const real *)p->b.data + left, p->b.row,
                  columns, c);
    finish(p->f, 1, columns, c, 0);
}

/* ---- Any rows ----------------------------------------------------------------------------------------------------- */

/* Rows [top, bottom) and columns [left, right) of c. */
static int part(const product *p, ptrdiff_t top, ptrdiff_t bottom, ptrdiff_t left, ptrdiff_t right)
{
    if (bottom - top == 1 && p->b.column == 1) {
        single_row(p, top, left, right);
        return 0;
    }
    const int in_place = p->b.column == 1 && bottom - top <= IN_PLACE;
    const int copy_a = p->a.column != 1 && right - left > 2 * NR && collide(least(p->k, KC), p->a.column);
    const ptrdiff_t depth = p->k > 0 ? even_part(p->k, copy_a ? COPY_K : KC) : 1;
    const ptrdiff_t height = even_part(bottom - top, copy_a ? COPY_M : most(MR, BLOCK_A / depth));

    const ptrdiff_t panel_size = in_place && (right - left) % NR == 0 ? 0 : depth * NR;
    const ptrdiff_t block_size = copy_a ? (height + MR) * (depth + 1) + VL : 0;
    real *panel = NULL;
    if (panel_size + block_size > 0 && (panel = cdl_workspace(sizeof(real) * (panel_size + block_size))) == NULL)
        return -1;
    real *block = panel + panel_size;

    const ptrdiff_t zero = 0;
    for (ptrdiff_t i = top; i < bottom; i += height)
        for (ptrdiff_t k0 = 0; k0 == 0 || k0 < p->k; k0 += depth) {
            const ptrdiff_t rows = least(height, bottom - i), k = least(depth, p->k - k0);
            const cdl_function f = k0 + k == p->k ? p->f : CDL_LINEAR;
            const real *a = (const real *)p->a.data + i * p->a.row + k0 * p->a.column;
            if (copy_a)
                pack_rows(rows, k, a, p->a.column, block);
            ptrdiff_t columns;
            for (ptrdiff_t j = left; j < right; j += columns) {
                columns = least(NR, right - j);
                const real *b = (const real *)p->b.data + k0 * p->b.row + j * p->b.column;
                const int whole = p->b.column == 1 && columns == NR, lay = whole && !in_place && bottom - top <= LAID;
                const int pack = !lay && !(whole && in_place);
                if (pack)
                    pack_panel(k, columns, p->b, b, panel);
                const axis a_rows = {1, rows, copy_a ? 1 : p->a.row, &zero}, c_rows = {1, rows, p->c_row, &zero};
                real *c = p->c + i * p->c_row + j;
                run_panel(copy_a ? block : a, a_rows, copy_a ? (k + 1) * MR : 0, c, c_rows, columns, f, (tile_job){
                    .k = {1, k, copy_a ? MR : p->a.column, &zero},
                    .b = pack ? panel : b, .b_step = pack ? NR : p->b.row, .panel = lay ? panel : NULL,
                    .continued = k0 > 0 || p->accumulate, .bias = p->bias ? p->bias + j : NULL,
                    .floor = f == CDL_RELU ? 0 : -__builtin_inf(),
                });
            }
        }
    return 0;
}

/* ---- Threads ------------------------------------------------------------------------------------------------------ */

/* Nanoseconds on one thread: every register of c waits for k multiply-adds, of which two start per cycle. */
static double product_cost(const product *p)
{
    return (double)p->m * (p->n + VL - 1) * p->k / (6 * VL);
}

static product make_product(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, cdl_matrix a, cdl_matrix b, const void *bias,
                            cdl_function f, int accumulate, void *c, ptrdiff_t c_row)
{
    if (n == 1)
        b.column = 1;                   /* it has no meaning, but packing looks at it */
    const int by_rows = m > n && (n < 4 * NR || m * k > BLOCK_A);
    return (product){m, n, k, a, b, bias, f, accumulate, c, c_row, by_rows};
}

/* Part `share` of `shares` of the whole.  No element of c depends on how many there are. */
static int product_share(const product *p, ptrdiff_t share, ptrdiff_t shares)
{
    if (p->by_rows)
        return part(p, p->m * share / shares, p->m * (share + 1) / shares, 0, p->n);
    const ptrdiff_t panels = (p->n + NR - 1) / NR;
    return part(p, 0, p->m, panels * share / shares * NR, least(panels * (share + 1) / shares * NR, p->n));
}

typedef struct {
    const product *p;
    ptrdiff_t shares;
    int status;
} gemm_job;

static void gemm_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    gemm_job *job = arg;
    for (ptrdiff_t share = begin; share < end; share++)
        if (product_share(job->p, share, job->shares) != 0)
            __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
}

static int gemm(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, cdl_matrix a, cdl_matrix b, const void *bias, cdl_function f,
                int accumulate, void *c, ptrdiff_t c_row)
{
    const product p = make_product(m, n, k, a, b, bias, f, accumulate, c, c_row);
    const double cost = product_cost(&p);
    gemm_job job = {&p, cdl_slices(p.by_rows ? m : n, p.by_rows ? 1 : NR, cost), 0};
    cdl_parallel(job.shares, 1, cost, gemm_task, &job);
    return job.status;
}
