/* argmax.c - where the largest element of each row is, and how often it is where a label says. */
#include <math.h>

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
    const int32_t *label;
    ptrdiff_t count;
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

static void count_argmax_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    argmax_of_rows *a = arg;
    ptrdiff_t count = 0;
    for (ptrdiff_t r = begin; r < end; r++)
        count += row_argmax(a->d, a->x + r * a->d) == a->label[r];
    __atomic_fetch_add(&a->count, count, __ATOMIC_RELAXED);
}

static ptrdiff_t count_argmax(ptrdiff_t n, ptrdiff_t d, const void *x, const int32_t *label)
{
    argmax_of_rows a = {.d = d, .x = x, .label = label};
    cdl_parallel(n, 64, n * (4 + 0.1 * d), count_argmax_task, &a);
    return a.count;
}
