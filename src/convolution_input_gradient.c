/* convolution_input_gradient.c - dx.
 *
 * Whatever the windows, the products of dz with the transposed kernel can be added to the places that they come from:
 * tap by tap, which gemm's tile does when it begins with what is there.  Where a tap has few channels, many windows are
 * done at once instead: products[taps * i][windows], of which a line is added to a line of x.  With strides of 1, dx is
 * also the convolution of dz with the reflected kernel, and nothing is added twice; but it has as many windows as x has
 * positions.
 */

enum {
    GRADIENT_PIXELS = 256,              /* windows of a slab for the gradients; for dkernel, the depth of a product */
    MOST_LINES = 128,                   /* elements of a window, for which dx is made of lines */
};

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
