/* convolution.c - convolution and its gradients, as products of a matrix that is never stored.
 *
 * Let W[p][t] be what window p sees at its element t.  Then
 *
 *     y = f(W kernel + bias)          dkernel = W' dz          dx = the rows of  dz kernel'  added where they came from
 *
 * W's rows and columns are the two axes of windows.c, so gemm's tile reads it in the images themselves.
 *
 * A transposed convolution is the same three with y and x exchanged, at the end of this file.
 */

enum {
    GRADIENT_PIXELS = 256,              /* windows of a slab for the gradients; for dkernel, the depth of a product */
    MOST_LINES = 128,                   /* elements of a window, for which dx is made of lines */
    MOST_PARTS = 16,                    /* dkernel is summed in so many parts, which are then added in order */
    SMALL_KERNEL = 24 * 1024,           /* bytes that stay in the first-level cache */
    FEW_PIXELS = 96,                    /* finished before the next: they stay in the cache, and y is written in order */
    FEW_ROWS = 32,                      /* of dkernel: packing dz costs more than it saves */
};

/* ---- Common to all ------------------------------------------------------------------------------------------------ */

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

/* ---- y = f(W kernel + bias) --------------------------------------------------------------------------------------- */

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

/* ---- dx ----------------------------------------------------------------------------------------------------------- */

/* Whatever the windows, the products of dz with the transposed kernel can be added to the places that they come from:
 * tap by tap, which gemm's tile does when it begins with what is there.  Where a tap has few channels, many windows are
 * done at once instead: products[taps * i][windows], of which a line is added to a line of x.  With strides of 1, dx is
 * also the convolution of dz with the reflected kernel, and nothing is added twice; but it has as many windows as x has
 * positions. */
typedef struct {
    plan p;
    int by_lines;
    field dz;
    packing kernel;
    const real *bias;
    cdl_function f;
    real *dx;
    int status;
} scatter_job;

/* x, seen through windows, += dz[count][o] kernel'.  `room` holds products[taps * i][count] and o panel rows. */
static void scatter_lines(ptrdiff_t count, ptrdiff_t i, ptrdiff_t o, const real *dz, const real *kernel, real *room,
                          real *x, axis pixels, axis taps)
{
    const ptrdiff_t width = round_up(count, NR), rows = taps.runs * i, zero = 0;
    real *products = room + o * NR;
    for (ptrdiff_t q = 0; q < count; q += NR) {
        pack_panel(o, least(NR, count - q), (cdl_matrix){dz, 1, o}, dz + q * o, room);
        run_panel(kernel, (axis){1, rows, o, &zero}, 0, products + q, (axis){1, rows, width, &zero}, NR, CDL_LINEAR,
                  (tile_job){.k = {1, o, 1, &zero}, .b = room, .b_step = NR, .floor = -__builtin_inf()});
    }
    for (ptrdiff_t row = 0; row < rows; row++)
        for (ptrdiff_t run = 0; run < pixels.runs; run++) {
            const real *from = products + row * width + run * pixels.length;
            real *to = x + pixels.start[run] + taps.start[row / i] + row % i;
            if (pixels.step == 1)
                for (ptrdiff_t w = 0, left = pixels.length; left > 0; w += VL, left -= VL)
                    store_n(to + w, left, load_n(to + w, left) + load_n(from + w, left));
            else
                for (ptrdiff_t w = 0; w < pixels.length; w++)
                    to[w * pixels.step] += from[w];
        }
}

/* dx = what of the box lies inside the image, and the sum of a channel's copies. */
static void unpad(const plan *p, const view *v, const real *box, real *dx)
{
    const ptrdiff_t *in = p->w.in, repeat = most(1, p->repeat), i = p->i / repeat;
    const ptrdiff_t left = most(0, v->low[2]) * i, length = most(0, least(in[2], v->low[2] + v->size[2]) * i - left);
    for (ptrdiff_t d = 0; d < in[0]; d++)
        for (ptrdiff_t h = 0; h < in[1]; h++, dx += in[2] * i) {
            const ptrdiff_t box_d = d - v->low[0], box_h = h - v->low[1];
            const int outside = box_d < 0 || box_d >= v->size[0] || box_h < 0 || box_h >= v->size[1];
            const real *from = box + box_d * v->pitch[0] + box_h * v->pitch[1] + (left - v->low[2] * i) * repeat;
            const ptrdiff_t end = outside ? left : left + length;
            memset(dx, 0, (size_t)left * sizeof(real));
            if (repeat > 1)
                for (ptrdiff_t j = left; j < end; j++) {
                    dx[j] = 0;
                    for (ptrdiff_t r = 0; r < repeat; r++)
                        dx[j] += *from++;
                }
            else if (end > left)
                memcpy(dx + left, from, (size_t)(end - left) * sizeof(real));
            memset(dx + end, 0, (size_t)(in[2] * i - end) * sizeof(real));
        }
}

/* Adds stripe after stripe of an image's windows to x, the first element of the first of them. */
static void scatter_image(const scatter_job *job, const view *v, ptrdiff_t image, real *dz_room, real *room, real *x)
{
    const plan *p = &job->p;
    const int cut = p->cut;
    const ptrdiff_t i = p->i / p->groups, o = p->o / p->groups, across = p->pixels / p->w.out[cut], zero = 0;
    for (ptrdiff_t top = 0; top < p->w.out[cut]; top += p->height) {
        const slab s = {image, 1, top, least(p->height, p->w.out[cut] - top)};
        const ptrdiff_t count = s.height * across, at = slab_begin(p, s) * p->o;
        const real *dz = values(job->dz, at, at + count * p->o, dz_room);
        real *stripe = x + top * p->w.stride[cut] * v->pitch[cut];
        axis pixels = v->pixels;
        *(cut < 2 ? &pixels.runs : &pixels.length) = count / (cut < 2 ? pixels.length : 1);
        const axis dz_rows = {1, count, p->o, &zero};
        if (p->repeat)
            depthwise_scatter(p->o, dz, pixels, v->taps, job->kernel.kernel, stripe);
        else if (job->by_lines)
            scatter_lines(count, i, o, dz, job->kernel.kernel, room, stripe, pixels, v->taps);
        else
            for (ptrdiff_t group = 0; group < p->groups; group++)
                for (ptrdiff_t tap = 0; tap < p->taps; tap++)
                    for (ptrdiff_t j = 0; j < i; j += NR)
                        run_panel(dz + group * o, dz_rows, 0, stripe + v->taps.start[tap] + group * i + j, pixels,
                                  least(NR, i - j), CDL_LINEAR, (tile_job){
                            .k = {1, o, 1, &zero},
                            .b = panel_at(&job->kernel, group, tap, j / NR), .b_step = NR,
                            .continued = 1,
                            .floor = -__builtin_inf(),
                        });
    }
}

static void scatter_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    scatter_job *job = arg;
    const plan *p = &job->p;
    const ptrdiff_t channels = p->i / most(1, p->repeat), size = p->w.in[0] * p->w.in[1] * p->w.in[2] * channels;
    const ptrdiff_t count = p->pixels / p->w.out[p->cut] * p->height;
    const ptrdiff_t box_room = round_up(box_size(p, 1, p->w.out[p->cut]), LANES);
    const ptrdiff_t dz_room = job->dz.f == CDL_LINEAR ? 0 : round_up(count * p->o, LANES);
    const ptrdiff_t room = job->by_lines ? round_up(p->o * NR + p->taps * p->i * round_up(count, NR), LANES) : 0;
    real *box = cdl_workspace(sizeof(real) * (box_room + dz_room + room) + sizeof(ptrdiff_t) * table_size(p));
    if (box == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    real *dz = box + box_room, *products = dz + dz_room;
    ptrdiff_t *table = (ptrdiff_t *)(products + room);
    for (ptrdiff_t image = begin; image < end; image++) {
        const view v = make_view(p, (slab){image, 1, 0, p->w.out[p->cut]}, p->repeat <= 1, table);
        real *dx = job->dx + image * size, *x = v.inside ? dx : box;
        memset(x, 0, sizeof(real) * (size_t)(v.inside ? size : box_room));
        if (v.inside)
            x += v.low[0] * v.pitch[0] + v.low[1] * v.pitch[1] + v.low[2] * v.pitch[2];
        scatter_image(job, &v, image, dz, products, x);
        if (!v.inside)
            unpad(p, &v, box, dx);
        for (ptrdiff_t r = 0; job->bias && r < size; r += channels)
            for (ptrdiff_t j = 0; j < channels; j += VL) {
                real *to = dx + r + j;
                store_n(to, channels - j, load_n(to, channels - j) + load_n(job->bias + j, channels - j));
            }
        if (job->f != CDL_LINEAR)
            finish(job->f, 1, size, dx, 0);
    }
}

/* dx = f(bias + ...): for a gradient bias is NULL and f is linear, for a transposed convolution they are its own. */
static int input_gradient(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *windows, field dz,
                          const real *kernel, const real *bias, cdl_function f, real *dx)
{
    cdl_windows joined = *windows, *w = &joined;
    n = join_images(n, groups, w);
    const plan p = make_plan(n, i, o, groups, w, GRADIENT_PIXELS);
    const ptrdiff_t positions = w->in[0] * w->in[1] * w->in[2];
    if (n * positions * i == 0)
        return 0;
    if (winograd_suits(i, o, groups, w))
        return winograd_input_gradient(n, i, o, w, dz, kernel, bias, f, dx);

    /* Multiply-adds for each of the o, in registers; measured.  The choice must be the same on all machines. */
    const int strided = w->stride[0] * w->stride[1] * w->stride[2] > 1;
    const double channels = (i / groups + 7) / 8 * 8;
    /* The way back from groups of one output would be taken for a depthwise one, whose kernel lies otherwise. */
    const int one_output = groups > 1 && o == groups && !p.repeat;
    const double reflected = strided || one_output || p.repeat > 1 ? INFINITY : channels * p.taps * positions;
    const double by_taps = 1.15 * channels * p.taps * p.pixels;
    const double by_lines = groups > 1 || p.taps * i > MOST_LINES ? INFINITY : (p.taps * i * (1 + 16. / o) + 8) * p.pixels;
    if (reflected < by_taps && reflected < by_lines) {
        cdl_windows back = *w;
        for (int a = 0; a < 3; a++) {
            back.in[a] = w->out[a];
            back.out[a] = w->in[a];
            back.before[a] = (w->size[a] - 1) * w->dilation[a] - w->before[a];
        }
        const plan q = make_plan(n, o, i, groups, &back, SLAB_PIXELS);
        return correlate(&q, dz, make_packing(REFLECTED, &p, kernel), bias, f, dx);
    }
    scatter_job job = {p, by_lines < by_taps, dz, make_packing(TRANSPOSED, &p, kernel), bias, f, dx, 0};
    job.p.images = 1;
    job.p.joined = 0;
    if (!p.repeat && !job.by_lines && pack_kernel(&job.kernel) == NULL)
        return -1;
    cdl_parallel(n, 1, convolution_cost(&p), scatter_task, &job);
    cdl_release(job.kernel.packed, packed_bytes(&job.kernel));
    return job.status;
}

/* ---- dkernel = W' dz ---------------------------------------------------------------------------------------------- */

typedef struct {
    plan p;
    field x, dz;
    ptrdiff_t parts, size;              /* of the sum over images; elements of dkernel */
    real *dkernel, *dbias;              /* either may be NULL */
    real *more;                         /* [parts - 1][size + o] */
    int status;
} kernel_gradient_job;

/* dkernel (+)= W' dz for some windows, which `x` shows. */
static void add_products(const plan *p, const real *x, axis pixels, axis taps, const real *dz, real *panel, int continued,
                         real *dkernel)
{
    if (p->repeat) {
        depthwise_gradient(p->o, x, pixels, taps, dz, continued, dkernel);
        return;
    }
    const ptrdiff_t i = p->i / p->groups, o = p->o / p->groups, count = pixels.runs * pixels.length, zero = 0;
    const axis rows = {1, p->taps * i, p->o, &zero};
    const int in_place = o % WIDE == 0 && p->o <= 2 * WIDE && rows.length <= FEW_ROWS;
    const ptrdiff_t width = in_place ? WIDE : NR;
    for (ptrdiff_t group = 0; group < p->groups; group++)
        for (ptrdiff_t j = 0; j < o; j += width) {
            const ptrdiff_t columns = least(width, o - j), column = group * o + j;
            if (!in_place)
                pack_panel(count, columns, (cdl_matrix){dz, p->o, 1}, dz + column, panel);
            run_panel(x + group * i, taps, 0, dkernel + column, rows, columns, CDL_LINEAR, (tile_job){
                .k = pixels,
                .b = in_place ? dz + column : panel, .b_step = in_place ? p->o : NR,
                .continued = continued,
                .floor = -__builtin_inf(),
            });
        }
}

static void kernel_gradient_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    kernel_gradient_job *job = arg;
    const plan *p = &job->p;
    const ptrdiff_t chunk = GRADIENT_PIXELS;
    const ptrdiff_t room = round_up(box_size(p, p->images, p->height), LANES);
    const ptrdiff_t dz_room = job->dz.f == CDL_LINEAR ? 0 : round_up(chunk * p->o, LANES);
    real *box = cdl_workspace(sizeof(real) * (room + dz_room + chunk * NR) + sizeof(ptrdiff_t) * table_size(p));
    if (box == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    real *panel = box + room + dz_room;
    ptrdiff_t *table = (ptrdiff_t *)(panel + chunk * NR);
    for (ptrdiff_t part = begin; part < end; part++) {
        const ptrdiff_t at = (part - 1) * (job->size + p->o);           /* the first part is summed where it belongs */
        real *dkernel = part > 0 ? job->more + at : job->dkernel;
        real *dbias = part > 0 ? job->more + at + job->size : job->dbias;
        if (job->dbias)
            memset(dbias, 0, sizeof(real) * (size_t)p->o);
        const ptrdiff_t first = p->n * part / job->parts * p->stripes, last = p->n * (part + 1) / job->parts * p->stripes;
        int continued = 0;
        for (ptrdiff_t item = first, items; item < last; item += items) {
            const slab s = slab_at(p, item, last, &items);
            const view v = make_view(p, s, job->x.f == CDL_LINEAR && p->repeat <= 1, table);
            const real *x = job->dkernel ? look(p, &v, s, job->x, box) : NULL;
            ptrdiff_t at = slab_begin(p, s) * p->o;
            axis pixels;
            for (ptrdiff_t done = 0, all = slab_pixels(p, s), count; done < all; done += count, continued = 1) {
                const ptrdiff_t offset = some_pixels(v.pixels, done, chunk, &pixels);
                count = pixels.runs * pixels.length;
                const real *dz = values(job->dz, at, at + count * p->o, box + room);
                at += count * p->o;
                if (job->dbias)
                    add_rows(count, p->o, dz, dbias);
                if (job->dkernel)
                    add_products(p, x + offset, pixels, v.taps, dz, panel, continued, dkernel);
            }
        }
    }
}

static void add_parts_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const kernel_gradient_job *job = arg;
    for (ptrdiff_t part = 1; part < job->parts; part++) {
        const real *more = job->more + (part - 1) * (job->size + job->p.o);
        for (ptrdiff_t j = begin; job->dkernel && j < end; j += VL)
            store_n(job->dkernel + j, end - j, load_n(job->dkernel + j, end - j) + load_n(more + j, end - j));
        for (ptrdiff_t j = 0; job->dbias && begin == 0 && j < job->p.o; j++)
            job->dbias[j] += more[job->size + j];
    }
}

static int kernel_gradient(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *windows, field x,
                           field dz, real *dkernel, real *dbias)
{
    cdl_windows joined = *windows, *w = &joined;
    join_images(1, groups, w);          /* each for itself: they are what the parts are made of */
    kernel_gradient_job job = {.p = make_plan(n, i, o, groups, w, SLAB_PIXELS), .x = x, .dz = dz,
                               .dkernel = dkernel, .dbias = dbias};
    job.size = dkernel ? job.p.taps * i / groups * o : 0;
    if (n * job.p.pixels == 0 || job.size + o == 0) {
        if (dkernel)
            memset(dkernel, 0, sizeof(real) * (size_t)job.size);
        if (dbias)
            memset(dbias, 0, sizeof(real) * (size_t)o);
        return 0;
    }
    if (dkernel && winograd_suits(i, o, groups, w))
        return winograd_kernel_gradient(n, i, o, w, x, dz, dkernel, dbias);
    if (job.size == 0)
        job.dkernel = NULL;             /* for add_parts_task, which has at least one item: it adds the biases */

    /* The number of parts follows from the sizes alone, so that all machines add the same sums. */
    job.parts = least(n, job.size < 1 << 18 ? MOST_PARTS : MOST_PARTS / 4);
    const size_t bytes = sizeof(real) * (size_t)((job.parts - 1) * (job.size + o));
    if ((job.more = cdl_take(bytes)) == NULL)
        return -1;
    cdl_parallel(job.parts, 1, convolution_cost(&job.p), kernel_gradient_task, &job);
    cdl_parallel(most(1, job.size), 1024, (double)job.size * job.parts / 4, add_parts_task, &job);
    cdl_release(job.more, bytes);
    return job.status;
}

/* ---- The primitives ----------------------------------------------------------------------------------------------- */

static int convolution(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w, const void *x,
                       const void *kernel, const void *bias, cdl_function f, void *y)
{
    return forward(n, i, o, groups, w, (field){x, NULL, CDL_LINEAR}, kernel, bias, f, y);
}

static int convolution_backward(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w,
                                const void *x, const void *kernel, const void *y, const void *dy, cdl_function f, void *dx,
                                void *dkernel, void *dbias)
{
    const field image = {x, NULL, CDL_LINEAR}, dz = {dy, y, f};
    int status = 0;
    if (dx)
        status |= input_gradient(n, i, o, groups, w, dz, kernel, NULL, CDL_LINEAR, dx);
    if (dkernel || dbias)
        status |= kernel_gradient(n, i, o, groups, w, image, dz, dkernel, dbias);
    return status;
}

/* The windows lie over y, whose channels are the inputs of the convolution that this one turns round. */
static int convolution_transpose(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *w, const void *x,
                                 const void *kernel, const void *bias, cdl_function f, void *y)
{
    return input_gradient(n, o, i, 1, w, (field){x, NULL, CDL_LINEAR}, kernel, bias, f, y);
}

static int convolution_transpose_backward(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *w, const void *x,
                                          const void *kernel, const void *y, const void *dy, cdl_function f, void *dx,
                                          void *dkernel, void *dbias)
{
    const field image = {dy, y, f}, given = {x, NULL, CDL_LINEAR};
    const cdl_windows points = {.in = {1, 1, w->in[0] * w->in[1] * w->in[2]}, .out = {1, 1, w->in[0] * w->in[1] * w->in[2]},
                                .size = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}};
    int status = 0;
    if (dx)
        status |= forward(n, o, i, 1, w, image, kernel, NULL, CDL_LINEAR, dx);
    if (dkernel)
        status |= kernel_gradient(n, o, i, 1, w, image, given, dkernel, NULL);
    if (dbias)
        status |= kernel_gradient(n, 0, o, 1, &points, given, image, NULL, dbias);
    return status;
}
