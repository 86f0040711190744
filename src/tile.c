/* tile.c - MR x NR elements of a product, in registers: the innermost loops of gemm.c, convolution_*.c and recurrent*.c.
 *
 *     for k:  c[r][:] += a[r][k] * b[k][:]       r = 0 .. MR-1
 */

#if VEC_BYTES == 64
enum { MR = 8 };                        /* 16 sums; 32 registers */
#else
enum { MR = 6 };                        /* 12 sums, 2 of b, 1 of a: 15 of 16 registers */
#endif
enum {
    NR = 2 * VL,
    WIDE = 2 * NR, WIDE_ROWS = 3,       /* another tile, of as many registers */
};

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
    real *panel;                        /* or NULL: where the first tile lays the rows of b, NR apart, for the others */
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

static inline __attribute__((always_inline)) void tile(const int rows, const int vecs, const int lays, const tile_job *job)
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
        real *panel = job->panel;
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
                    if (lays) {
#pragma GCC unroll 8
                        for (int v = 0; v < vecs; v++)
                            store(panel + v * VL, row[v]);
                        panel += NR;
                    }
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
    case 1: tile(1, 2, 0, job); break;
    case 2: tile(2, 2, 0, job); break;
    case 3: tile(3, 2, 0, job); break;
    case 4: tile(4, 2, 0, job); break;
    case 5: tile(5, 2, 0, job); break;
    case 6: tile(6, 2, 0, job); break;
#if VEC_BYTES == 64
    case 7: tile(7, 2, 0, job); break;
    case 8: tile(8, 2, 0, job); break;
#endif
    }
}

/* The same, and lays the panel for the tiles after it: what comes from the second-level cache is computed with meanwhile. */
static __attribute__((noinline)) void run_first(ptrdiff_t rows, const tile_job *job)
{
    switch (rows) {
    case 1: case 2: run_tile(rows, job); break;         /* there is no other tile */
    case 3: tile(3, 2, 1, job); break;
    case 4: tile(4, 2, 1, job); break;
    case 5: tile(5, 2, 1, job); break;
    case 6: tile(6, 2, 1, job); break;
#if VEC_BYTES == 64
    case 7: tile(7, 2, 1, job); break;
    case 8: tile(8, 2, 1, job); break;
#endif
    }
}

/* The same with half of the columns. */
static __attribute__((noinline)) void run_half(ptrdiff_t rows, const tile_job *job)
{
    switch (rows) {
    case 1: tile(1, 1, 0, job); break;
    case 2: tile(2, 1, 0, job); break;
    case 3: tile(3, 1, 0, job); break;
    case 4: tile(4, 1, 0, job); break;
    case 5: tile(5, 1, 0, job); break;
    case 6: tile(6, 1, 0, job); break;
#if VEC_BYTES == 64
    case 7: tile(7, 1, 0, job); break;
    case 8: tile(8, 1, 0, job); break;
#endif
    }
}

/* Fewer rows of twice the columns, so that whole rows of a c with few columns are written in order. */
static __attribute__((noinline)) void run_wide(ptrdiff_t rows, const tile_job *job)
{
    switch (rows) {
    case 1: tile(1, 4, 0, job); break;
    case 2: tile(2, 4, 0, job); break;
    case 3: tile(3, 4, 0, job); break;
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
