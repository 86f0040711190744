/* pool.c - the largest, or the mean, of the elements of windows over images; and back.
 *
 * Channels lie side by side, so a register holds one pixel's.  Where it reaches beyond the pixel's last channel it
 * also holds channels of the next pixel: forward, they are stored as they come, and the next pixel overwrites them.
 * So images of one or three channels need no masks.
 */
#include "cdl.h"
#include "parallel.h"
#include "simd.h"

#include <string.h>

enum {
    WIDTH = 4,                  /* registers of channels that are done together */
    PREFETCH = 8192,            /* bytes between what is worked on and what is fetched; measured */
};

typedef struct {
    ptrdiff_t c;
    cdl_windows w;
    const real *x, *x_end;      /* [n,in..,c] */
    const real *y, *dy;         /* [n,out..,c] */
    const real *dy_end;
    real *result;
    int overlap;                /* may windows share positions? */
} pool_job;

/* The part of a window that lies inside its image: so many planes of so many rows of so many pixels. */
typedef struct {
    ptrdiff_t planes, rows, pixels;
    ptrdiff_t first;            /* the number of its first pixel among all pixels of x */
    ptrdiff_t column;           /* and in its row */
} box;

/* The first position along an axis that window number p has inside the image, and the number of such positions. */
static inline ptrdiff_t inside(const cdl_windows *w, int axis, ptrdiff_t p, ptrdiff_t *extent)
{
    const ptrdiff_t from = p * w->stride[axis] - w->before[axis], to = from + w->size[axis];
    const ptrdiff_t first = from > 0 ? from : 0;
    *extent = (to < w->in[axis] ? to : w->in[axis]) - first;
    return first;
}

/* The box of the first window of row number r of y.  The following ones differ in column, first and pixels. */
static inline box row_of_boxes(const cdl_windows *w, ptrdiff_t r)
{
    box b;
    const ptrdiff_t image = r / w->out[1] / w->out[0];
    const ptrdiff_t plane = inside(w, 0, r / w->out[1] % w->out[0], &b.planes);
    const ptrdiff_t row = inside(w, 1, r % w->out[1], &b.rows);
    b.first = ((image * w->in[0] + plane) * w->in[1] + row) * w->in[2];
    b.column = b.pixels = 0;
    return b;
}

static inline box at_column(const cdl_windows *w, box b, ptrdiff_t p)
{
    b.column = inside(w, 2, p, &b.pixels);
    b.first += b.column;
    return b;
}

/* The usual box gets loops of its own, which are unrolled. */
#define TWO_BY_TWO(b) ((box){1, 2, 2, (b).first, (b).column})

static inline int is_two_by_two(box b)
{
    return b.planes == 1 && b.rows == 2 && b.pixels == 2;
}

/* Asks for the memory PREFETCH bytes behind register number v of a pixel, once for each cache line.  A pool waits for memory
 * most of the time, and the processor itself does not look beyond a page. */
static inline void fetch_ahead(const real *p, int v)
{
    if (v % PARTS == 0)
        __builtin_prefetch((const void *)((uintptr_t)p + PREFETCH));
}

/* The work of one thread on it all.  A register costs about half a nanosecond for each position that it looks at. */
static double pool_cost(ptrdiff_t n, ptrdiff_t c, const cdl_windows *w)
{
    double registers = (double)n * ((double)c / VL + 1);
    for (int axis = 0; axis < 3; axis++)
        registers *= (double)w->out[axis] * (double)w->size[axis];
    return 0.5 * registers;
}

/* ---- Forward ------------------------------------------------------------------------------------------------------ */

/* The larger one; NaN if either is. */
static inline vec larger(vec a, vec b)
{
    return (vec)((mask)vmax(b, a) | (b != b));
}

/* The mean, or the largest, of the box in `width` registers of channels from j on: whole ones (`full`), or one of
 * which `left` elements of y may be written.  Each row is done by itself before it joins the others: shorter sums round
 * less. */
static inline __attribute__((always_inline)) void reduce_box(const pool_job *job, box b, ptrdiff_t j, int width,
                                                             int full, int mean, real *y, ptrdiff_t left)
{
    const ptrdiff_t c = job->c, to_row = job->w.in[2] * c, to_plane = job->w.in[1] * to_row;
    const real *plane = job->x + b.first * c + j;
    vec all[WIDTH];
    for (int v = 0; v < width; v++)
        all[v] = splat(0);
    for (ptrdiff_t q0 = 0; q0 < b.planes; q0++, plane += to_plane) {
        const real *row = plane;
        for (ptrdiff_t q1 = 0; q1 < b.rows; q1++, row += to_row) {
            vec part[WIDTH];
            for (int v = 0; v < width; v++)
                part[v] = splat(0);
            const real *x = row;
            for (ptrdiff_t q2 = 0; q2 < b.pixels; q2++, x += c)
                for (int v = 0; v < width; v++) {
                    if (full)
                        fetch_ahead(x + v * VL, v);
                    const vec element = full ? load(x + v * VL) : load_n(x, job->x_end - x);
                    part[v] = mean ? part[v] + element : q2 > 0 ? larger(part[v], element) : element;
                }
            for (int v = 0; v < width; v++)
                all[v] = mean ? all[v] + part[v] : q0 + q1 > 0 ? larger(all[v], part[v]) : part[v];
        }
    }
    const vec count = splat((double)(b.planes * b.rows * b.pixels));
    for (int v = 0; v < width; v++)
        store_n(y + v * VL, full ? VL : left, mean ? all[v] / count : all[v]);
}

static inline __attribute__((always_inline)) void reduce_channels(const pool_job *job, box b, int mean, real *y,
                                                                  const real *y_end)
{
    ptrdiff_t j = 0;
    for (; j + WIDTH * VL <= job->c; j += WIDTH * VL)
        reduce_box(job, b, j, WIDTH, 1, mean, y + j, 0);
    for (; j + VL <= job->c; j += VL)
        reduce_box(job, b, j, 1, 1, mean, y + j, 0);
    if (j < job->c)
        reduce_box(job, b, j, 1, 0, mean, y + j, y_end - (y + j));
}

/* Rows [begin, end) of y. */
static inline __attribute__((always_inline)) void pool_rows(const pool_job *job, ptrdiff_t begin, ptrdiff_t end,
                                                            int mean)
{
    const ptrdiff_t pixels = job->w.out[2];
    const real *y_end = job->result + end * pixels * job->c;
    for (ptrdiff_t r = begin; r < end; r++) {
        const box row = row_of_boxes(&job->w, r);
        for (ptrdiff_t p = 0; p < pixels; p++) {
            const box b = at_column(&job->w, row, p);
            real *y = job->result + (r * pixels + p) * job->c;
            if (is_two_by_two(b))
                reduce_channels(job, TWO_BY_TWO(b), mean, y, y_end);
            else
                reduce_channels(job, b, mean, y, y_end);
        }
    }
}

static void max_pool_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    pool_rows(arg, begin, end, 0);
}

static void average_pool_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    pool_rows(arg, begin, end, 1);
}

static void pool(ptrdiff_t n, ptrdiff_t c, const cdl_windows *w, const real *x, real *y, cdl_task *task)
{
    pool_job job = {.c = c, .w = *w, .x = x, .x_end = x + n * w->in[0] * w->in[1] * w->in[2] * c, .result = y};
    cdl_parallel(n * w->out[0] * w->out[1], 1, pool_cost(n, c, w), task, &job);
}

static void max_pool(ptrdiff_t n, ptrdiff_t c, const cdl_windows *windows, const void *x, void *y)
{
    pool(n, c, windows, x, y, max_pool_task);
}

static void average_pool(ptrdiff_t n, ptrdiff_t c, const cdl_windows *windows, const void *x, void *y)
{
    pool(n, c, windows, x, y, average_pool_task);
}

/* ---- Backward ----------------------------------------------------------------------------------------------------- */

/* Gives dy to the positions of the box: each its share of the mean, or all to the first one that is not below y (where
 * y is NaN, that is the first of all); what nobody took before is the last one's, which then must be it.  With `add`, to
 * what is there already; else every position of the box is written.  Lanes of other pixels receive 0: where they are
 * written, their own values come later (see spread_images). */
static inline __attribute__((always_inline)) void spread_box(const pool_job *job, box b, ptrdiff_t j, int width,
                                                             int full, int mean, int add, ptrdiff_t at)
{
    const ptrdiff_t c = job->c, to_row = job->w.in[2] * c, to_plane = job->w.in[1] * to_row;
    vec y[WIDTH], rest[WIDTH];          /* rest: of dy, what has not been given away */
    for (int v = 0; v < width; v++) {
        const real *dy = job->dy + at + v * VL;
        rest[v] = full ? load(dy) : (vec)((mask)load_n(dy, job->dy_end - dy) & first(c - j));
        if (mean)
            rest[v] /= splat((double)(b.planes * b.rows * b.pixels));
        else
            y[v] = full ? load(job->y + at + v * VL) : load_n(job->y + at, job->dy_end - dy);
    }
    for (ptrdiff_t q0 = 0; q0 < b.planes; q0++)
        for (ptrdiff_t q1 = 0; q1 < b.rows; q1++) {
            ptrdiff_t here = b.first * c + j + q0 * to_plane + q1 * to_row;
            for (ptrdiff_t q2 = 0; q2 < b.pixels; q2++, here += c) {
                const ptrdiff_t left = full ? VL : c < VL ? (job->w.in[2] - b.column - q2) * c : c - j;
                for (int v = 0; v < width; v++) {
                    vec gradient = rest[v];
                    const int last = q0 == b.planes - 1 && q1 == b.rows - 1 && q2 == b.pixels - 1;
                    if (!mean && !last) {
                        const real *x = job->x + here + v * VL;
                        const mask below = (full ? load(x) : load_n(x, job->x_end - x)) < y[v];
                        gradient = (vec)((mask)rest[v] & ~below);
                        rest[v] = (vec)((mask)rest[v] & below);
                    }
                    real *dx = job->result + here + v * VL;
                    if (full)
                        fetch_ahead(dx, v);
                    if (full && !mean)
                        fetch_ahead(job->x + here + v * VL, v);
                    store_n(dx, left, add ? load_n(dx, left) + gradient : gradient);
                }
            }
        }
}

static inline int seen(const cdl_windows *w, int axis, ptrdiff_t q)
{
    const ptrdiff_t p = (q + w->before[axis]) / w->stride[axis];
    return p < w->out[axis] && q + w->before[axis] - p * w->stride[axis] < w->size[axis];
}

/* Zeros where no window looks, for windows that do not overlap. */
static void fill_gaps(const cdl_windows *w, ptrdiff_t c, real *image)
{
    const size_t pixel = sizeof(real) * (size_t)c;
    for (ptrdiff_t q0 = 0; q0 < w->in[0]; q0++)
        for (ptrdiff_t q1 = 0; q1 < w->in[1]; q1++, image += w->in[2] * c) {
            if (!seen(w, 0, q0) || !seen(w, 1, q1)) {
                memset(image, 0, pixel * (size_t)w->in[2]);
                continue;
            }
            for (ptrdiff_t p = 0; p < w->out[2]; p++) {
                const ptrdiff_t end = p * w->stride[2] - w->before[2] + w->size[2];
                const ptrdiff_t next = p + 1 < w->out[2] ? end - w->size[2] + w->stride[2] : w->in[2];
                if (next > end)
                    memset(image + end * c, 0, pixel * (size_t)(next - end));
            }
        }
}

static inline __attribute__((always_inline)) void spread_channels(const pool_job *job, box b, int mean, int add,
                                                                  ptrdiff_t at)
{
    ptrdiff_t j = 0;
    for (; j + WIDTH * VL <= job->c; j += WIDTH * VL)
        spread_box(job, b, j, WIDTH, 1, mean, add, at + j);
    for (; j + VL <= job->c; j += VL)
        spread_box(job, b, j, 1, 1, mean, add, at + j);
    if (j < job->c)
        spread_box(job, b, j, 1, 0, mean, add, at + j);
}

/* Images [begin, end).  A register that reaches into the next pixel writes zeros there, so the pixels of a row are
 * written in order, and the last one's registers end with the row; with VL channels or more, registers end with the
 * pixel. */
static inline __attribute__((always_inline)) void spread_images(const pool_job *job, ptrdiff_t begin, ptrdiff_t end,
                                                                int mean, int add)
{
    const cdl_windows *w = &job->w;
    const ptrdiff_t rows = w->out[0] * w->out[1], image = w->in[0] * w->in[1] * w->in[2] * job->c;
    for (ptrdiff_t i = begin; i < end; i++) {
        if (add)
            memset(job->result + i * image, 0, sizeof(real) * (size_t)image);
        else
            fill_gaps(w, job->c, job->result + i * image);
        for (ptrdiff_t r = i * rows; r < (i + 1) * rows; r++) {
            const box row = row_of_boxes(w, r);
            for (ptrdiff_t p = 0; p < w->out[2]; p++) {
                const box b = at_column(w, row, p);
                const ptrdiff_t at = (r * w->out[2] + p) * job->c;
                if (is_two_by_two(b))
                    spread_channels(job, TWO_BY_TWO(b), mean, add, at);
                else
                    spread_channels(job, b, mean, add, at);
            }
        }
    }
}

static void max_pool_backward_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const pool_job *job = arg;
    if (job->overlap)
        spread_images(job, begin, end, 0, 1);
    else
        spread_images(job, begin, end, 0, 0);
}

static void average_pool_backward_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const pool_job *job = arg;
    if (job->overlap)
        spread_images(job, begin, end, 1, 1);
    else
        spread_images(job, begin, end, 1, 0);
}

static void pool_backward(ptrdiff_t n, ptrdiff_t c, const cdl_windows *w, const real *x, const real *y, const real *dy,
                          real *dx, cdl_task *task)
{
    pool_job job = {.c = c, .w = *w, .x = x, .y = y, .dy = dy, .result = dx};
    job.x_end = x + n * w->in[0] * w->in[1] * w->in[2] * c;
    job.dy_end = dy + n * w->out[0] * w->out[1] * w->out[2] * c;
    for (int axis = 0; axis < 3; axis++)
        job.overlap |= w->stride[axis] < w->size[axis] && w->out[axis] > 1;
    cdl_parallel(n, 1, 2 * pool_cost(n, c, w), task, &job);
}

static void max_pool_backward(ptrdiff_t n, ptrdiff_t c, const cdl_windows *windows, const void *x, const void *y,
                              const void *dy, void *dx)
{
    pool_backward(n, c, windows, x, y, dy, dx, max_pool_backward_task);
}

static void average_pool_backward(ptrdiff_t n, ptrdiff_t c, const cdl_windows *windows, const void *dy, void *dx)
{
    pool_backward(n, c, windows, NULL, NULL, dy, dx, average_pool_backward_task);
}
