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
 *   +-----+---+---+---+                    rows        all at once, unless a is copied: as many as the cache holds
 *   |     |   |   |   |                      depth     KC steps of k; a sum rests in c between two of these
 *   +-----+---+---+---+                        panel   NR columns of b, copied together (packed)
 *               ^ NR columns                     tile  MR rows
 *
 * Transposed operands are strides: the tile reads a[r][k] at any two strides, and packing turns b.  What lies well in
 * memory already is read in place: a, unless its columns collide in the cache, and the rows of b when c has few rows.
 * Blocks of rows, with long panels or short ones, were no faster at 1024^3 and 2048^3 (AVX2).
 *
 * Reading: K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008.
 */

#if VEC_BYTES == 64
enum { MR = 8 };                        /* 16 sums; 32 registers */
#else
enum { MR = 6 };                        /* 12 sums, 2 of b, 1 of a: 15 of 16 registers */
#endif
enum {
    NR = 2 * VL,
    KC = 1024,
    COPY_M = 384, COPY_K = 256,         /* the block of a that is copied, if a is: 384 KB */
    WIDE = 2 * NR, WIDE_ROWS = 3,       /* another tile, of as many registers */
    IN_PLACE = 16,                      /* up to so many rows, b is read in place */
    WAYS = 8, WAY = 4096,               /* of the first-level data cache */
};

/* ---- The tile ----------------------------------------------------------------------------------------------------- */

/* An axis of a matrix that is read: element j lies at start[j / length] + j % length * step.  One run, for a stored one. */
typedef struct {
    ptrdiff_t runs, length, step;
    const ptrdiff_t *start;
} axis;

/* Memory that is soon read or written.  A product leaves the way to it idle, and what is done between two products waits
 * for it; so each tile asks for some lines of what comes later, and they arrive while it computes. */
typedef struct {
    const real *at;
    ptrdiff_t left, each;               /* cache lines: in all, and for a tile */
} errand;

typedef struct {
    const real *a[MR];                  /* its rows */
    axis k;                             /* where their elements lie */
    const real *b;                      /* b[k][j] = b[k * b_step + j] */
    ptrdiff_t b_step;
    int continued;                      /* the sums begin with what is in c; else */
    const real *bias;                   /* with this row, or with 0 if NULL */
    real *c[MR];
    ptrdiff_t tiles, a_next, c_next;    /* the same again for so many tiles, whose rows are so much further on */
    double floor;                       /* c = max(sum, floor): 0 for relu, else -infinity */
    errand *errand;                     /* or NULL; what each tile fetches besides */
} tile_job;

/* For `tiles` tiles: of an array of `size`, what belongs to items [begin, end) of `all`. */
static errand fetch(const real *array, ptrdiff_t size, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t all, ptrdiff_t tiles)
{
    const double item = (double)size / all;
    const ptrdiff_t from = item * (begin < all ? begin : all), to = item * (end < all ? end : all);
    const ptrdiff_t lines = (to - from) / LANES;
    return (errand){array + from, lines, (lines + tiles - 1) / tiles};
}

static inline void run_errand(errand *e)
{
    const ptrdiff_t lines = e->left < e->each ? e->left : e->each;
    const real *end = e->at + lines * LANES;
    for (; e->at < end; e->at += LANES)
        __builtin_prefetch(e->at);
    e->left -= lines;
}

static inline __attribute__((always_inline)) void tile(const int rows, const int vecs, const tile_job *job)
{
    enum { MOST_ROWS = 8, MOST_VECS = 4 };
    vec sum[MOST_ROWS][MOST_VECS];
    vec first[MOST_VECS];
    const real *a[MOST_ROWS];
    const ptrdiff_t a_step = job->k.step, b_step = job->b_step;
    const vec floor = splat(job->floor);

#pragma GCC unroll 8
    for (int v = 0; v < vecs; v++)
        first[v] = job->bias ? load(job->bias + v * VL) : splat(0);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
        a[r] = job->a[r];
    for (ptrdiff_t t = 0, in_a = 0, in_c = 0; t < job->tiles; t++, in_a += job->a_next, in_c += job->c_next) {
        const real *b = job->b;
        if (vecs == 2 && job->errand)       /* a wide tile has no register to spare */
            run_errand(job->errand);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
            for (int v = 0; v < vecs; v++)
                sum[r][v] = first[v];
        if (job->continued)
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
                for (int v = 0; v < vecs; v++)
                    sum[r][v] = load(job->c[r] + in_c + v * VL);
        for (ptrdiff_t run = 0; run < job->k.runs; run++)
            for (ptrdiff_t k = job->k.length, at = job->k.start[run] + in_a; k > 0; k--, at += a_step, b += b_step) {
                /* The fewer ones wait in registers, while the others pass through the last one: more there are not. */
                if (vecs <= rows) {
                    vec row[MOST_VECS];
#pragma GCC unroll 8
                    for (int v = 0; v < vecs; v++)
                        row[v] = load(b + v * VL);
#pragma GCC unroll 8
                    for (int r = 0; r < rows; r++) {
                        const vec factor = splat(a[r][at]);
#pragma GCC unroll 8
                        for (int v = 0; v < vecs; v++)
                            sum[r][v] = vfma(factor, row[v], sum[r][v]);
                    }
                } else {
                    vec factor[MOST_ROWS];
#pragma GCC unroll 8
                    for (int r = 0; r < rows; r++)
                        factor[r] = splat(a[r][at]);
#pragma GCC unroll 8
                    for (int v = 0; v < vecs; v++) {
                        const vec row = load(b + v * VL);
#pragma GCC unroll 8
                        for (int r = 0; r < rows; r++)
                            sum[r][v] = vfma(factor[r], row, sum[r][v]);
                    }
                }
            }
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            real *c = job->c[r] + in_c;
#pragma GCC unroll 8
            for (int v = 0; v < vecs; v++)
                store(c + v * VL, vmax(floor, sum[r][v]));
        }
    }
}

static __attribute__((noinline)) void run_tile(ptrdiff_t rows, const tile_job *job)
{
    switch (rows) {
    case 1: tile(1, 2, job); break;
    case 2: tile(2, 2, job); break;
    case 3: tile(3, 2, job); break;
    case 4: tile(4, 2, job); break;
    case 5: tile(5, 2, job); break;
    case 6: tile(6, 2, job); break;
#if VEC_BYTES == 64
    case 7: tile(7, 2, job); break;
    case 8: tile(8, 2, job); break;
#endif
    }
}

/* The same with half of the columns. */
static __attribute__((noinline)) void run_half(ptrdiff_t rows, const tile_job *job)
{
    switch (rows) {
    case 1: tile(1, 1, job); break;
    case 2: tile(2, 1, job); break;
    case 3: tile(3, 1, job); break;
    case 4: tile(4, 1, job); break;
    case 5: tile(5, 1, job); break;
    case 6: tile(6, 1, job); break;
#if VEC_BYTES == 64
    case 7: tile(7, 1, job); break;
    case 8: tile(8, 1, job); break;
#endif
    }
}

/* Fewer rows of twice the columns, so that whole rows of a c with few columns are written in order. */
static __attribute__((noinline)) void run_wide(ptrdiff_t rows, const tile_job *job)
{
    switch (rows) {
    case 1: tile(1, 4, job); break;
    case 2: tile(2, 4, job); break;
    case 3: tile(3, 4, job); break;
    }
}

/* A tile that is wider than the columns left: it works on a copy of its part of c. */
static __attribute__((noinline)) void run_edge(ptrdiff_t rows, ptrdiff_t columns, tile_job *job)
{
    real c[MR * NR], *wanted[MR];
    for (ptrdiff_t r = 0; r < rows; r++) {
        wanted[r] = job->c[r];
        job->c[r] = c + r * NR;
        for (ptrdiff_t j = 0; job->continued && j < NR; j += VL)
            store(job->c[r] + j, load_n(wanted[r] + j, columns - j));
    }
    (columns > VL ? run_tile : run_half)(rows, job);
    for (ptrdiff_t r = 0; r < rows; r++) {
        job->c[r] = wanted[r];
        for (ptrdiff_t j = 0; j < columns; j += VL)
            store_n(wanted[r] + j, columns - j, load(c + r * NR + j));
    }
}

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b)
{
    return a < b ? a : b;
}

static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b)
{
    return a > b ? a : b;
}

/* The next multiple of `unit`. */
static inline ptrdiff_t round_up(ptrdiff_t size, ptrdiff_t unit)
{
    return (size + unit - 1) / unit * unit;
}

/* ---- Packing ------------------------------------------------------------------------------------------------------ */

/* v[r][c] becomes v[c][r]: blocks of 1, 2, 4, ... change places across the diagonal. */
static inline __attribute__((always_inline)) void transpose(vec v[VL])
{
#pragma GCC unroll 4
    for (int size = 1; size < VL; size *= 2)
#pragma GCC unroll 16
        for (int r = 0; r < VL; r++)
            if (!(r & size)) {
                vec upper = v[r], lower = v[r + size];
                ivec even = {0}, odd = {0};
                for (int j = 0; j < VL; j++) {
                    even[j] = j & size ? VL + j - size : j;
                    odd[j] = j & size ? VL + j : j + size;
                }
                v[r] = __builtin_shuffle(upper, lower, even);
                v[r + size] = __builtin_shuffle(upper, lower, odd);
            }
}

/* panel[k][NR] = b[k][columns], and zeros. */
static void pack_panel(ptrdiff_t k, ptrdiff_t columns, cdl_matrix matrix, const real *b, real *panel)
{
    if (matrix.column == 1) {
        for (ptrdiff_t p = 0; p < k; p++) {
            store(panel + p * NR, load_n(b + p * matrix.row, columns));
            store(panel + p * NR + VL, load_n(b + p * matrix.row + VL, columns - VL));
        }
        return;
    }
    for (ptrdiff_t j = 0; j < NR; j += VL)
        for (ptrdiff_t p = 0; p < k; p += VL) {
            vec v[VL];
            const real *corner = b + j * matrix.column + p;
            if (j + VL <= columns && p + VL <= k) {
#pragma GCC unroll 16
                for (int r = 0; r < VL; r++)
                    v[r] = load(corner + r * matrix.column);
                transpose(v);
#pragma GCC unroll 16
                for (int r = 0; r < VL; r++)
                    store(panel + (p + r) * NR + j, v[r]);
            } else {
                for (int r = 0; r < VL; r++)
                    v[r] = j + r < columns ? load_n(corner + r * matrix.column, k - p) : splat(0);
                transpose(v);
                for (int r = 0; r < least(VL, k - p); r++)
                    store(panel + (p + r) * NR + j, v[r]);
            }
        }
}

/* Rows in tiles, which differ by one row at most: 32 rows are 6 6 5 5 5 5. */
typedef struct {
    ptrdiff_t count, low, higher;       /* tiles; rows of a tile; so many tiles, the first ones, have one row more */
} tiling;

static inline tiling tiles_of(ptrdiff_t rows, ptrdiff_t most)
{
    const ptrdiff_t count = (rows + most - 1) / most, low = count > 0 ? rows / count : 0;
    return (tiling){count, low, rows - low * count};
}

/* block[t][k][MR] = tile t of a transposed a, whose elements of a column are neighbours. */
static void pack_rows(ptrdiff_t rows, ptrdiff_t k, const real *a, ptrdiff_t a_step, real *block)
{
    const tiling tiles = tiles_of(rows, MR);
    for (ptrdiff_t t = 0, begin = 0, end; t < tiles.count; t++, begin = end) {
        end = begin + tiles.low + (t < tiles.higher);
        for (ptrdiff_t p = 0; p < k; p++)
            for (ptrdiff_t r = begin; r < end; r += VL)         /* the zeros beyond the tile are written over by the next */
                store(block + (t * k + p) * MR + r - begin, load_n(a + p * a_step + r, end - r));
    }
}

/* Whether k cache lines that are `step` elements apart push one another out of the first-level cache.  Only the sets at
 * multiples of the largest power of two in the distance are used. */
static int collide(ptrdiff_t k, ptrdiff_t step)
{
    const ptrdiff_t bytes = step * (ptrdiff_t)sizeof(real), apart = bytes & -bytes;
    return bytes >= 64 && k > WAYS * (WAY / (apart < 64 ? 64 : apart > WAY ? WAY : apart));
}

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
    if (columns == WIDE)
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
        job->tiles = least(longest, (t < tiles.higher ? tiles.higher : tiles.count) - t);
        job->a_next = a_tile ? a_tile : height * a_row;
        job->c_next = height * c_row;
        for (ptrdiff_t r = 0; r < height; r++) {
            job->a[r] = a + r * a_row;
            job->c[r] = c + r * c_row;
        }
        run_tiles(height, columns, job);
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
    const ptrdiff_t height = copy_a ? even_part(bottom - top, COPY_M) : bottom - top;

    const ptrdiff_t panel_size = in_place && (right - left) % NR == 0 ? 0 : depth * NR;
    const ptrdiff_t block_size = copy_a ? (height + MR) * depth + VL : 0;
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
                const int copy_b = !in_place || columns < NR;
                if (copy_b)
                    pack_panel(k, columns, p->b, b, panel);
                const axis a_rows = {1, rows, copy_a ? 1 : p->a.row, &zero}, c_rows = {1, rows, p->c_row, &zero};
                real *c = p->c + i * p->c_row + j;
                run_panel(copy_a ? block : a, a_rows, copy_a ? k * MR : 0, c, c_rows, columns, f, (tile_job){
                    .k = {1, k, copy_a ? MR : p->a.column, &zero},
                    .b = copy_b ? panel : b, .b_step = copy_b ? NR : p->b.row,
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
    return (product){m, n, k, a, b, bias, f, accumulate, c, c_row, .by_rows = n < 4 * NR && m > n};
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
