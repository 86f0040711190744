/* convolution_forward.c - y = f(W kernel + bias), and what the gradients share with it: the kernel in panels. */

enum {
    SMALL_KERNEL = 24 * 1024,           /* bytes that stay in the first-level cache */
    FEW_PIXELS = 96,                    /* finished before the next: they stay in the cache, and y is written in order */
};

/* The kernel [taps * i][o] of each group, packed in panels of NR columns.  [runs][panels][depth][NR] for each group:
 *     PLAIN       one run, the o columns, depth taps * i
 *     TRANSPOSED  a run for each tap, the i columns, depth o
 *     REFLECTED   one run, the i columns, depth taps * o, the last tap first: the way back when strides are 1 */
typedef struct {
    enum { PLAIN, TRANSPOSED, REFLECTED } order;
    ptrdiff_t groups, taps, i, o;       /* i and o of one group */
    const real *kernel;
    ptrdiff_t runs, panels, depth;
    real *packed;
} packing;

static packing make_packing(int order, const plan *p, const real *kernel)
{
    packing k = {order, p->groups, p->taps, p->i / p->groups, p->o / p->groups, kernel, 1, 0, 0, NULL};
    k.runs = order == TRANSPOSED ? k.taps : 1;
    k.panels = ((order == PLAIN ? k.o : k.i) + NR - 1) / NR;
    k.depth = order == PLAIN ? k.taps * k.i : order == TRANSPOSED ? k.o : k.taps * k.o;
    return k;
}

static const real *panel_at(const packing *k, ptrdiff_t group, ptrdiff_t run, ptrdiff_t panel)
{
    return k->packed + ((group * k->runs + run) * k->panels + panel) * k->depth * NR;
}

static void packing_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const packing *k = arg;
    const ptrdiff_t row = k->o * k->groups;
    for (ptrdiff_t item = begin; item < end; item++) {
        const ptrdiff_t group = item / k->panels / k->runs, run = item / k->panels % k->runs, j = item % k->panels * NR;
        const real *kernel = k->kernel + group * k->o;
        real *to = k->packed + item * k->depth * NR;
        if (k->order == PLAIN)
            pack_panel(k->depth, least(NR, k->o - j), (cdl_matrix){kernel, row, 1}, kernel + j, to);
        else if (k->order == TRANSPOSED)
            pack_panel(k->o, least(NR, k->i - j), (cdl_matrix){kernel, 1, row}, kernel + (run * k->i + j) * row, to);
        else
            for (ptrdiff_t tap = k->taps - 1; tap >= 0; tap--, to += k->o * NR)
                pack_panel(k->o, least(NR, k->i - j), (cdl_matrix){kernel, 1, row}, kernel + (tap * k->i + j) * row, to);
    }
}

static size_t packed_bytes(const packing *k)
{
    return sizeof(real) * NR * (size_t)(k->groups * k->runs * k->panels * k->depth);
}

/* Packs; NULL without memory.  The caller releases it. */
static real *pack_kernel(packing *k)
{
    const size_t bytes = packed_bytes(k);
    if ((k->packed = cdl_take(bytes)) != NULL)
        cdl_parallel(k->groups * k->runs * k->panels, 1, bytes / 8., packing_task, k);
    return k->packed;
}

/* Windows from number `begin` of an axis on, about `most` or one run of them.  Returns how much further on they lie. */
static ptrdiff_t some_pixels(axis all, ptrdiff_t begin, ptrdiff_t most_pixels, axis *some)
{
    const ptrdiff_t run = begin / all.length, place = begin % all.length;
    *some = (axis){1, all.length - place, all.step, all.start + run};
    if (all.length > most_pixels)
        some->length = least(most_pixels, some->length);
    else
        some->runs = least(most_pixels / all.length, all.runs - run);
    return place * all.step;
}

/* Nanoseconds on one thread. */
static double convolution_cost(const plan *p)
{
    const double steps = (double)p->n * p->pixels * p->taps * p->i;
    return p->repeat ? steps / (2 * VL) : steps * (p->o / p->groups + VL - 1) / (6 * VL);
}

typedef struct {
    plan p;
    field x;
    packing kernel;
    const real *bias;
    cdl_function f;
    real *y;
    int status;
} forward_job;

static void forward_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    forward_job *job = arg;
    const plan *p = &job->p;
    const ptrdiff_t room = round_up(box_size(p, p->images, p->height), LANES);
    real *box = cdl_workspace(sizeof(real) * room + sizeof(ptrdiff_t) * table_size(p));
    if (box == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    ptrdiff_t *table = (ptrdiff_t *)(box + room);
    const ptrdiff_t i = p->i / p->groups, o = p->o / p->groups, zero = 0;
    for (ptrdiff_t items; begin < end; begin += items) {
        const slab s = slab_at(p, begin, end, &items);
        const view v = make_view(p, s, job->x.f == CDL_LINEAR && p->repeat <= 1, table);
        const real *x = look(p, &v, s, job->x, box);
        real *y = job->y + slab_begin(p, s) * p->o;
        if (p->repeat) {
            const ptrdiff_t step = job->kernel.order == REFLECTED ? -p->o : p->o;
            depthwise_slab(p->o, x, v.pixels, v.taps, job->kernel.kernel + (step < 0 ? (p->taps - 1) * p->o : 0), step,
                           job->bias, job->f, y);
            continue;
        }
        const int in_place = job->kernel.packed == NULL;
        const ptrdiff_t width = in_place ? WIDE : NR;
        /* The windows after these, where they are read in place and are more than the first-level cache holds. */
        const ptrdiff_t all = slab_pixels(p, s), later = slab_begin(p, s) + FEW_PIXELS;
        const ptrdiff_t size = p->w.in[0] * p->w.in[1] * p->w.in[2] * p->i;
        const int worth = v.inside && size / p->pixels * FEW_PIXELS * (ptrdiff_t)sizeof(real) > WAYS * WAY;
        errand ahead = fetch(job->x.x, p->n * size, later, later + all, p->n * p->pixels,
                             p->groups * ((o + width - 1) / width) * ((all + MR - 1) / MR));
        axis pixels;
        for (ptrdiff_t done = 0, count; done < all; done += count) {
            const real *first = x + some_pixels(v.pixels, done, FEW_PIXELS, &pixels);
            count = pixels.runs * pixels.length;
            const axis y_rows = {1, count, p->o, &zero};
            for (ptrdiff_t group = 0; group < p->groups; group++)
                for (ptrdiff_t j = 0; j < o; j += width) {
                    const ptrdiff_t column = group * o + j;
                    run_panel(first + group * i, pixels, 0, y + column, y_rows, least(width, o - j), job->f, (tile_job){
                        .k = v.taps,
                        .b = in_place ? job->kernel.kernel + j : panel_at(&job->kernel, group, 0, j / NR),
                        .b_step = in_place ? o : NR,
                        .bias = job->bias ? job->bias + column : NULL,
                        .floor = job->f == CDL_RELU ? 0 : -__builtin_inf(),
                        .errand = worth ? &ahead : NULL,
                    });
                }
            y += count * p->o;
        }
    }
}

static int correlate(const plan *p, field x, packing kernel, const real *bias, cdl_function f, real *y)
{
    forward_job job = {*p, x, kernel, bias, f, y, 0};
    const int small = packed_bytes(&kernel) <= SMALL_KERNEL;
    const int in_place = small && kernel.order == PLAIN && p->groups == 1 && p->o % WIDE == 0;
    if (!p->repeat && !in_place && pack_kernel(&job.kernel) == NULL)
        return -1;
    cdl_parallel(p->n * p->stripes, 1, convolution_cost(p), forward_task, &job);
    cdl_release(job.kernel.packed, packed_bytes(&job.kernel));
    return job.status;
}

/* Windows of one pixel each, on all pixels: the images are made one long line, so that gemm's tiles need not end where
 * lines do.  Returns the number of images that are left. */
static ptrdiff_t join_images(ptrdiff_t n, ptrdiff_t groups, cdl_windows *w)
{
    for (int a = 0; a < 3; a++)
        if (w->size[a] != 1 || w->stride[a] != 1 || w->in[a] != w->out[a])
            return n;
    if (groups > 1)
        return n;
    w->in[2] = w->out[2] = n * w->in[0] * w->in[1] * w->in[2];
    w->in[0] = w->in[1] = w->out[0] = w->out[1] = 1;
    return 1;
}

static int forward(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *windows, field x,
                   const real *kernel, const real *bias, cdl_function f, real *y)
{
    cdl_windows joined = *windows, *w = &joined;
    n = join_images(n, groups, w);
    const plan p = make_plan(n, i, o, groups, w, SLAB_PIXELS);
    if (n * p.pixels * o == 0)
        return 0;
    if (winograd_suits(i, o, groups, w))
        return winograd(n, i, o, w, x, kernel, bias, f, y);
    return correlate(&p, x, make_packing(PLAIN, &p, kernel), bias, f, y);
}
