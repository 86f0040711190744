/* argmax.c - where the largest element of each row is. */
#include <math.h>

/* The larger one, NaN if one is NaN. */
static inline vec nan_max(vec a, vec b)
{
    return vselect(a != a, a, vmax(a, b));
}

/* The first position of the largest element of x[d]; NaN counts as larger than all, as in NumPy. */
static ptrdiff_t row_argmax(ptrdiff_t d, const real *x)
{
    lanes largest = lanes_of(-INFINITY);
    for (ptrdiff_t j = 0; j < d; j += LANES)
        for (int p = 0; p < PARTS; p++) {
            ptrdiff_t n = d - j - p * VL;
            largest.part[p] = nan_max(largest.part[p], vselect(first(n), load_n(x + j + p * VL, n), splat(-INFINITY)));
        }
    vec top = fold(largest, nan_max);
    for (ptrdiff_t j = 0;; j += VL) {
        vec v = load_n(x + j, d - j);
        int lane = first_lane(((v == top) | (v != v)) & first(d - j));
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
    cdl_parallel(n, 64, n * (5 + 0.1 * d), argmax_task, &a);
}
