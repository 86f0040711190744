/* rows.c - over the rows of a matrix: the sum of each column, the largest element of each row. */
#include <math.h>
#include <string.h>

/* ---- Column sums --------------------------------------------------------------------------------------------------
 *
 * Narrow rows waste registers, so several of them make one wide row: x[n,d] is summed as x[n/r, r*d], and the r pieces of
 * the result are added up at the end.  The wide rows are summed in blocks, one chain of additions down each column of a
 * block, and then over the blocks in order.  All sizes follow from n and d alone.
 */
enum {
    WIDE = 64,                      /* a wide row has about as many elements */
    BLOCK_ROWS = 64,                /* a block has at least as many rows, */
    MOST_PARTIALS = 1 << 16,        /* and so many that the sums of all blocks fit here */
    PANEL = 256,                    /* columns that a thread takes at a time */
};

/* total[c] = sum over r of x[r,c] for columns [begin, end) of x[n,d]; each is one chain of additions. */
static void sum_rows(ptrdiff_t n, ptrdiff_t d, const real *x, ptrdiff_t begin, ptrdiff_t end, real *total)
{
    enum { CHAINS = 8 };            /* to hide the latency of an addition */
    ptrdiff_t c = begin;
    for (; c + CHAINS * VL <= end; c += CHAINS * VL) {
        vec sum[CHAINS] = {{0}};
        for (ptrdiff_t r = 0; r < n; r++)
            for (int k = 0; k < CHAINS; k++)
                sum[k] += load(x + r * d + c + k * VL);
        for (int k = 0; k < CHAINS; k++)
            store(total + c + k * VL, sum[k]);
    }
    for (; c < end; c += VL) {
        vec sum = {0};
        for (ptrdiff_t r = 0; r < n; r++)
            sum += load_n(x + r * d + c, end - c);
        store_n(total + c, end - c, sum);
    }
}

typedef struct {
    ptrdiff_t n, d, rows, width, blocks, block_rows, panels;
    const real *x;
    real *partials;                 /* [blocks, width] */
    real *pieces;                   /* [width / d, d], then the rows of x that did not fill a wide one */
    real *total;
} sum_of_columns;

/* Item: a panel of the columns of a block. */
static void blocks_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const sum_of_columns *s = arg;
    for (ptrdiff_t item = begin; item < end; item++) {
        ptrdiff_t block = item / s->panels, row = block * s->block_rows, column = item % s->panels * PANEL;
        ptrdiff_t rows = s->rows - row < s->block_rows ? s->rows - row : s->block_rows;
        ptrdiff_t stop = s->width - column < PANEL ? s->width : column + PANEL;
        sum_rows(rows, s->width, s->x + row * s->width, column, stop, s->partials + block * s->width);
    }
}

static void pieces_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    (void)begin, (void)end;
    const sum_of_columns *s = arg;
    ptrdiff_t used = s->rows * s->width, rest = s->n * s->d - used;
    sum_rows(s->blocks, s->width, s->partials, 0, s->width, s->pieces);
    memcpy(s->pieces + s->width, s->x + used, rest * sizeof(real));
    sum_rows((s->width + rest) / s->d, s->d, s->pieces, 0, s->d, s->total);
}

static int column_sum(ptrdiff_t n, ptrdiff_t d, const void *x, void *total)
{
    if (d == 0)
        return 0;
    ptrdiff_t r = d < WIDE ? WIDE / d : 1;
    if (r > n)
        r = n > 0 ? n : 1;
    sum_of_columns s = {.n = n, .d = d, .rows = n / r, .width = r * d, .x = x, .total = total};
    ptrdiff_t most = MOST_PARTIALS / s.width;
    s.blocks = s.rows / BLOCK_ROWS;
    s.blocks = s.blocks > most ? most : s.blocks;
    s.blocks = s.blocks < 1 ? 1 : s.blocks;
    s.block_rows = (s.rows + s.blocks - 1) / s.blocks;
    s.panels = (s.width + PANEL - 1) / PANEL;
    int direct = s.blocks == 1 && r == 1;
    s.partials = direct ? total : cdl_workspace(((s.blocks + 1) * s.width + r * d) * sizeof(real));
    if (s.partials == NULL)
        return -1;
    s.pieces = s.partials + s.blocks * s.width;
    cdl_parallel(s.blocks * s.panels, 1, 0.06 * n * d, blocks_task, &s);
    if (!direct)
        cdl_parallel(1, 1, 0, pieces_task, &s);
    return 0;
}

/* ---- Largest elements --------------------------------------------------------------------------------------------- */

/* The first position of the largest element of x[d]; NaN counts as larger than all, as in NumPy. */
static inline ptrdiff_t row_argmax(ptrdiff_t d, const real *x)
{
    ptrdiff_t whole = d & -(ptrdiff_t)LANES;
    lanes largest = lanes_of(-INFINITY);
    mask nan = {0};
    for (ptrdiff_t j = 0; j < whole; j += LANES)
        for (int p = 0; p < PARTS; p++) {
            vec v = load(x + j + p * VL);
            largest.part[p] = vmax(v, largest.part[p]);         /* passes NaN over */
            nan |= v != v;
        }
    for (int p = 0; p < PARTS; p++) {
        ptrdiff_t n = d - whole - p * VL;
        vec v = vselect(first(n), load_n(x + whole + p * VL, n), splat(-INFINITY));
        largest.part[p] = vmax(v, largest.part[p]);
        nan |= v != v;
    }
    vec top = first_lane(nan) < VL ? splat(NAN) : fold(largest, vmax);
    for (ptrdiff_t j = 0;; j += VL) {
        vec v = load_n(x + j, d - j);           /* the zeros beyond the end come after what is looked for */
        int lane = first_lane((v == top) | (v != v));
        if (lane < VL)
            return j + lane;
    }
}

typedef struct {
    ptrdiff_t d;
    const real *x;
    int64_t *index;
} argmax_of_rows;

static void argmax_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const argmax_of_rows *a = arg;
    for (ptrdiff_t r = begin; r < end; r++)
        a->index[r] = row_argmax(a->d, a->x + r * a->d);
}

static void argmax(ptrdiff_t n, ptrdiff_t d, const void *x, int64_t *index)
{
    argmax_of_rows a = {.d = d, .x = x, .index = index};
    cdl_parallel(n, 64, n * (4 + 0.1 * d), argmax_task, &a);
}
