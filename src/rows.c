/* rows.c - rows that have the same index become one: the gradient of taking rows. */

typedef struct {
    ptrdiff_t d;
    const real *x;
    const int64_t *order, *start;
    real *sums;
} rows_to_sum;

/* A few registers hold a strip of the row while the rows of its group go by, first to last: an element is one chain of
 * additions, whatever the width of a register. */
static void sum_rows_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    enum { STRIP = 8 };
    const rows_to_sum *s = arg;
    const ptrdiff_t d = s->d;
    for (ptrdiff_t g = begin; g < end; g++) {
        const int64_t *first = s->order + s->start[g], *last = s->order + s->start[g + 1];
        ptrdiff_t j = 0;
        for (; j + STRIP * VL <= d; j += STRIP * VL) {
            vec sum[STRIP];
            for (int p = 0; p < STRIP; p++)
                sum[p] = load(s->x + *first * d + j + p * VL);
            for (const int64_t *r = first + 1; r < last; r++)
                for (int p = 0; p < STRIP; p++)
                    sum[p] += load(s->x + *r * d + j + p * VL);
            for (int p = 0; p < STRIP; p++)
                store(s->sums + g * d + j + p * VL, sum[p]);
        }
        for (; j < d; j += VL) {
            vec sum = load_n(s->x + *first * d + j, d - j);
            for (const int64_t *r = first + 1; r < last; r++)
                sum += load_n(s->x + *r * d + j, d - j);
            store_n(s->sums + g * d + j, d - j, sum);
        }
    }
}

static void sum_rows(ptrdiff_t groups, ptrdiff_t d, const void *x, const int64_t *order, const int64_t *start, void *sums)
{
    rows_to_sum s = {d, x, order, start, sums};
    const ptrdiff_t rows = groups ? start[groups] : 0;
    cdl_parallel(groups, 16, groups * 4 + rows * (2 + 0.1 * d * sizeof(real)), sum_rows_task, &s);
}
