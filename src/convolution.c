/* convolution.c - convolution and its gradients, as products of a matrix that is never stored.
 *
 * Let W[p][t] be what window p sees at its element t.  Then
 *
 *     y = f(W kernel + bias)          dkernel = W' dz          dx = the rows of  dz kernel'  added where they came from
 *
 * Channels are last, so one row of a window is a run of neighbours in memory, and the windows of one line are equally far
 * apart.  W[p][t] lies at  pixels(p) + taps(t),  two axes of a few runs each, and gemm's tile reads it where it is.
 * What is padded is copied first, with its zeros: a slab of a few images, or a stripe of a large one, that fits the cache.
 *
 * A transposed convolution is the same three with y and x exchanged, at the end of this file.
 */

enum {
    SLAB_PIXELS = 1024,                 /* windows of a slab, about */
    GRADIENT_PIXELS = 256,              /* the same for dkernel, where they are the depth of the product */
    SLAB_BYTES = 192 * 1024,            /* the copy of a slab, at most, unless one line is more */
    JOINED = 64,                        /* elements of a row of windows that dx adds at once, at most */
    MOST_PARTS = 16,                    /* dkernel is summed in so many parts, which are then added in order */
};

/* An array x, or x * f'(y) if f is not linear. */
typedef struct {
    const real *x, *y;
    cdl_function f;
} field;

/* Elements [begin, end): in place, or computed into `room`. */
static const real *values(field x, ptrdiff_t begin, ptrdiff_t end, real *room)
{
    if (x.f == CDL_LINEAR)
        return x.x + begin;
    activation_job job = {{x.f, {0}}, x.y + begin, x.y + begin, x.x + begin, room};
    activation_task(&job, 0, end - begin);
    return room;
}

static inline ptrdiff_t most(ptrdiff_t a, ptrdiff_t b)
{
    return a > b ? a : b;
}

/* ---- Slabs -------------------------------------------------------------------------------------------------------- */

/* The sizes of a convolution, and how it is cut: into groups of whole images, or into stripes of single ones. */
typedef struct {
    ptrdiff_t n, i, o, groups;
    cdl_windows w;
    ptrdiff_t pixels, taps;             /* windows of an image, positions of a window */
    int cut;                            /* stripes are cut along this axis, the first that is longer than 1 */
    ptrdiff_t height, stripes;          /* windows along it in one stripe; stripes of an image */
    ptrdiff_t images;                   /* in a slab, at most */
    int joined;                         /* the positions in one row of a window are one run */
} plan;

/* The number of positions that `count` windows in a row cover. */
static ptrdiff_t extent(const cdl_windows *w, int a, ptrdiff_t count)
{
    return (count - 1) * w->stride[a] + (w->size[a] - 1) * w->dilation[a] + 1;
}

static plan make_plan(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w, ptrdiff_t pixels)
{
    plan p = {.n = n, .i = i, .o = o, .groups = groups, .w = *w, .joined = groups == 1 && w->dilation[2] == 1};
    p.pixels = w->out[0] * w->out[1] * w->out[2];
    p.taps = w->size[0] * w->size[1] * w->size[2];
    p.cut = w->out[0] > 1 ? 0 : w->out[1] > 1 ? 1 : 2;
    ptrdiff_t across = 1, bytes = i * (ptrdiff_t)sizeof(real);      /* of one window along the cut, and of its stride */
    for (int a = p.cut + 1; a < 3; a++) {
        across *= w->out[a];
        bytes *= extent(w, a, w->out[a]);
    }
    bytes *= w->stride[p.cut];
    const ptrdiff_t height = most(1, least(w->out[p.cut], least(pixels / most(1, across), SLAB_BYTES / most(1, bytes))));
    p.height = even_part(w->out[p.cut], height);
    p.stripes = p.height > 0 ? (w->out[p.cut] + p.height - 1) / p.height : 1;
    p.images = 1;
    if (p.stripes == 1)
        p.images = most(1, least(n, least(pixels / most(1, p.pixels), SLAB_BYTES / most(1, bytes * w->out[p.cut]))));
    return p;
}

/* Windows [top, top + height) along the cut of images [image, image + images). */
typedef struct {
    ptrdiff_t image, images, top, height;
} slab;

/* The slab that begins at item `begin` and the number of items in it.  Items are images, or stripes where there are some. */
static slab slab_at(const plan *p, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t *items)
{
    if (p->stripes == 1) {
        *items = least(p->images, end - begin);
        return (slab){begin, *items, 0, p->height};
    }
    const ptrdiff_t top = begin % p->stripes * p->height;
    *items = 1;
    return (slab){begin / p->stripes, 1, top, least(p->height, p->w.out[p->cut] - top)};
}

static ptrdiff_t slab_pixels(const plan *p, slab s)
{
    return s.images * (p->pixels / p->w.out[p->cut]) * s.height;
}

/* The first of its pixels. */
static ptrdiff_t slab_begin(const plan *p, slab s)
{
    return s.image * p->pixels + s.top * (p->pixels / p->w.out[p->cut]);
}

/* Where the elements of windows are. */
typedef struct {
    ptrdiff_t low[3], size[3];          /* the windows of one image cover the positions [low, low + size) */
    ptrdiff_t pitch[3], image;          /* distances of positions along the axes, and of images */
    int inside;                         /* no padding is covered, and they are read in place */
    axis pixels, taps;                  /* distances from the first element of the first window */
} view;

static ptrdiff_t box_size(const plan *p, ptrdiff_t images, ptrdiff_t height)
{
    ptrdiff_t size = images * p->i;
    for (int a = 0; a < 3; a++)
        size *= extent(&p->w, a, a == p->cut ? height : p->w.out[a]);
    return size;
}

/* The number of entries in the table of a view. */
static ptrdiff_t table_size(const plan *p)
{
    return p->images * p->w.out[0] * p->w.out[1] + p->taps;
}

static view make_view(const plan *p, slab s, int in_place, ptrdiff_t *table)
{
    const cdl_windows *w = &p->w;
    view v = {.inside = in_place};
    ptrdiff_t count[3];
    for (int a = 0; a < 3; a++) {
        count[a] = a == p->cut ? s.height : w->out[a];
        v.low[a] = (a == p->cut ? s.top * w->stride[a] : 0) - w->before[a];
        v.size[a] = extent(w, a, count[a]);
        v.inside &= v.low[a] >= 0 && v.low[a] + v.size[a] <= w->in[a];
    }
    const ptrdiff_t *size = v.inside ? w->in : v.size;
    v.pitch[2] = p->i;
    v.pitch[1] = v.pitch[2] * size[2];
    v.pitch[0] = v.pitch[1] * size[1];
    v.image = v.pitch[0] * size[0];

    ptrdiff_t *entry = table;
    for (ptrdiff_t k = 0; k < s.images; k++)
        for (ptrdiff_t d = 0; d < count[0]; d++)
            for (ptrdiff_t h = 0; h < count[1]; h++)
                *entry++ = k * v.image + d * w->stride[0] * v.pitch[0] + h * w->stride[1] * v.pitch[1];
    v.pixels = (axis){entry - table, count[2], w->stride[2] * p->i, table};

    table = entry;
    for (ptrdiff_t d = 0; d < w->size[0]; d++)
        for (ptrdiff_t h = 0; h < w->size[1]; h++)
            for (ptrdiff_t x = 0; x < (p->joined ? 1 : w->size[2]); x++)
                *entry++ = d * w->dilation[0] * v.pitch[0] + h * w->dilation[1] * v.pitch[1] + x * w->dilation[2] * p->i;
    v.taps = (axis){entry - table, p->joined ? w->size[2] * p->i : p->i / p->groups, 1, table};
    return v;
}

/* The slab of x with its padding, in `room`; or x itself. */
static const real *look(const plan *p, const view *v, slab s, field x, real *room)
{
    const ptrdiff_t *in = p->w.in, i = p->i;
    if (v->inside)
        return x.x + s.image * v->image + v->low[0] * v->pitch[0] + v->low[1] * v->pitch[1] + v->low[2] * v->pitch[2];
    const ptrdiff_t left = most(0, -v->low[2]) * i, from = most(0, v->low[2]);
    const ptrdiff_t length = most(0, least(in[2], v->low[2] + v->size[2]) - from) * i;
    real *to = room;
    for (ptrdiff_t k = s.image; k < s.image + s.images; k++)
        for (ptrdiff_t d = v->low[0]; d < v->low[0] + v->size[0]; d++)
            for (ptrdiff_t h = v->low[1]; h < v->low[1] + v->size[1]; h++, to += v->pitch[1]) {
                if (d < 0 || d >= in[0] || h < 0 || h >= in[1] || length == 0) {
                    memset(to, 0, (size_t)v->pitch[1] * sizeof(real));
                    continue;
                }
                memset(to, 0, (size_t)left * sizeof(real));
                const ptrdiff_t begin = (((k * in[0] + d) * in[1] + h) * in[2] + from) * i;
                const real *row = values(x, begin, begin + length, to + left);
                if (row != to + left)
                    memcpy(to + left, row, (size_t)length * sizeof(real));
                memset(to + left + length, 0, (size_t)(v->pitch[1] - left - length) * sizeof(real));
            }
    return room;
}

/* ---- Common to all ------------------------------------------------------------------------------------------------ */

/* The kernel in panels of NR columns.  For y: [groups][panels of o][taps * i][NR].  For dx, which multiplies with its
 * transpose: [groups][runs of taps][panels of a run][o][NR]. */
typedef struct {
    ptrdiff_t groups, runs, length;     /* runs of rows that are packed together */
    ptrdiff_t i, o;                     /* of a group */
    int transposed;
    const real *kernel;
    real *panels;
} packing;

static ptrdiff_t panels_of(const packing *p)
{
    return ((p->transposed ? p->length : p->o) + NR - 1) / NR;
}

static const real *panel_at(const packing *p, ptrdiff_t group, ptrdiff_t run, ptrdiff_t panel)
{
    const ptrdiff_t depth = p->transposed ? p->o : p->length;
    return p->panels + ((group * p->runs + run) * panels_of(p) + panel) * depth * NR;
}

static void packing_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const packing *p = arg;
    const ptrdiff_t panels = panels_of(p), row = p->o * p->groups;
    for (ptrdiff_t item = begin; item < end; item++) {
        const ptrdiff_t group = item / panels / p->runs, run = item / panels % p->runs, j = item % panels * NR;
        const real *kernel = p->kernel + run * p->length * row + group * p->o;
        real *panel = p->panels + item * (p->transposed ? p->o : p->length) * NR;
        if (p->transposed)
            pack_panel(p->o, least(NR, p->length - j), (cdl_matrix){kernel, 1, row}, kernel + j * row, panel);
        else
            pack_panel(p->length, least(NR, p->o - j), (cdl_matrix){kernel, row, 1}, kernel + j, panel);
    }
}

static size_t packed_bytes(const packing *p)
{
    return sizeof(real) * NR * (size_t)(p->groups * p->runs * panels_of(p) * (p->transposed ? p->o : p->length));
}

/* The packed kernel, to be released; NULL without memory. */
static real *pack_kernel(packing *p)
{
    const size_t bytes = packed_bytes(p);
    if ((p->panels = cdl_take(bytes)) != NULL)
        cdl_parallel(p->groups * p->runs * panels_of(p), 1, bytes / 8., packing_task, p);
    return p->panels;
}

/* Nanoseconds on one thread. */
static double convolution_cost(const plan *p)
{
    return (double)p->n * p->pixels * p->taps * p->i * (p->o / p->groups + VL - 1) / (6 * VL);
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
    const ptrdiff_t room = box_size(p, p->images, p->height);
    real *box = cdl_workspace(sizeof(real) * room + sizeof(ptrdiff_t) * table_size(p) + 64);
    if (box == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    ptrdiff_t *table = (ptrdiff_t *)(box + (room + 15) / 16 * 16);
    const ptrdiff_t i = p->i / p->groups, o = p->o / p->groups;
    for (ptrdiff_t items; begin < end; begin += items) {
        const slab s = slab_at(p, begin, end, &items);
        const view v = make_view(p, s, job->x.f == CDL_LINEAR, table);
        const real *x = look(p, &v, s, job->x, box);
        real *y = job->y + slab_begin(p, s) * p->o;
        for (ptrdiff_t group = 0; group < p->groups; group++)
            for (ptrdiff_t j = 0; j < o; j += NR) {
                const ptrdiff_t column = group * o + j;
                run_panel(x + group * i, v.pixels, 0, least(NR, o - j), job->f, (tile_job){
                    .k = v.taps,
                    .b = panel_at(&job->kernel, group, 0, j / NR), .b_step = NR,
                    .start = job->bias ? job->bias + column : NULL,
                    .c = y + column, .c_row = p->o,
                    .floor = job->f == CDL_RELU ? 0 : -__builtin_inf(),
                });
            }
    }
}

static int forward(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w, field x,
                   const real *kernel, const real *bias, cdl_function f, real *y)
{
    forward_job job = {make_plan(n, i, o, groups, w, SLAB_PIXELS), x, {0}, bias, f, y, 0};
    if (n * job.p.pixels * o == 0)
        return 0;
    job.kernel = (packing){groups, 1, job.p.taps * i / groups, i / groups, o / groups, 0, kernel, NULL};
    if (pack_kernel(&job.kernel) == NULL)
        return -1;
    cdl_parallel(n * job.p.stripes, 1, convolution_cost(&job.p), forward_task, &job);
    cdl_release(job.kernel.panels, packed_bytes(&job.kernel));
    return job.status;
}

/* ---- dx ----------------------------------------------------------------------------------------------------------- */

typedef struct {
    plan p;
    field dz;
    packing kernel;
    const real *bias;
    cdl_function f;
    real *dx;
    int status;
} input_gradient_job;

/* The products of `count` rows of dz with `columns` of the kernel's transpose, added to the windows from number `first` on. */
static void scatter(ptrdiff_t first, ptrdiff_t count, const real *dz, ptrdiff_t dz_row, ptrdiff_t columns, tile_job job,
                    axis pixels, real *windows)
{
    real block[MR * JOINED];
    const real *b = job.b;
    const ptrdiff_t tiles = (count + MR - 1) / MR;
    ptrdiff_t run = first / pixels.length, place = first % pixels.length;
    job.c_row = JOINED;
    for (ptrdiff_t t = 0; t < tiles; t++) {
        const ptrdiff_t begin = tile_begin(t, tiles, count), height = tile_begin(t + 1, tiles, count) - begin;
        for (ptrdiff_t r = 0; r < height; r++)
            job.a[r] = dz + (begin + r) * dz_row;
        for (ptrdiff_t j = 0; j < columns; j += NR) {
            job.b = b + j * job.k.length;
            job.c = block + j;
            run_tile(height, &job);
        }
        for (ptrdiff_t r = 0; r < height; r++) {
            real *to = windows + pixels.start[run] + place * pixels.step;
            for (ptrdiff_t j = 0; j < columns; j += VL)
                store_n(to + j, columns - j, load_n(to + j, columns - j) + load(block + r * JOINED + j));
            if (++place == pixels.length) {
                place = 0;
                run++;
            }
        }
    }
}

/* dx = what of the box lies inside the image. */
static void unpad(const plan *p, const view *v, const real *box, real *dx)
{
    const ptrdiff_t *in = p->w.in, i = p->i, left = most(0, v->low[2]) * i;
    const ptrdiff_t length = most(0, least(in[2], v->low[2] + v->size[2]) * i - left);
    for (ptrdiff_t d = 0; d < in[0]; d++)
        for (ptrdiff_t h = 0; h < in[1]; h++, dx += in[2] * i) {
            const ptrdiff_t box_d = d - v->low[0], box_h = h - v->low[1];
            if (box_d < 0 || box_d >= v->size[0] || box_h < 0 || box_h >= v->size[1]) {
                memset(dx, 0, (size_t)(in[2] * i) * sizeof(real));
                continue;
            }
            memset(dx, 0, (size_t)left * sizeof(real));
            memcpy(dx + left, box + box_d * v->pitch[0] + box_h * v->pitch[1] + left - v->low[2] * i,
                   (size_t)length * sizeof(real));
            memset(dx + left + length, 0, (size_t)(in[2] * i - left - length) * sizeof(real));
        }
}

static void input_gradient_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    input_gradient_job *job = arg;
    const plan *p = &job->p;
    const ptrdiff_t i = p->i / p->groups, o = p->o / p->groups, zero = 0;
    const ptrdiff_t size = p->w.in[0] * p->w.in[1] * p->w.in[2], room = (box_size(p, 1, p->height) + 15) / 16 * 16;
    const ptrdiff_t dz_room = job->dz.f == CDL_LINEAR ? 0 : (SLAB_PIXELS * p->o + 15) / 16 * 16;
    real *box = cdl_workspace(sizeof(real) * (room + dz_room) + sizeof(ptrdiff_t) * table_size(p));
    if (box == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    ptrdiff_t *table = (ptrdiff_t *)(box + room + dz_room);
    for (ptrdiff_t image = begin; image < end; image++) {
        const slab s = {image, 1, 0, p->height};
        const view v = make_view(p, s, 1, table);
        real *dx = job->dx + image * size * p->i, *windows = v.inside ? dx : box;
        memset(windows, 0, sizeof(real) * (size_t)(v.inside ? size * p->i : room));
        if (v.inside)
            windows += v.low[0] * v.pitch[0] + v.low[1] * v.pitch[1] + v.low[2] * v.pitch[2];
        for (ptrdiff_t pixel = 0; pixel < p->pixels; pixel += SLAB_PIXELS) {
            const ptrdiff_t count = least(SLAB_PIXELS, p->pixels - pixel), at = image * p->pixels + pixel;
            const real *dz = values(job->dz, at * p->o, (at + count) * p->o, box + room);
            for (ptrdiff_t group = 0; group < p->groups; group++)
                for (ptrdiff_t run = 0; run < v.taps.runs; run++)
                    for (ptrdiff_t j = 0, step = p->joined ? JOINED : NR; j < v.taps.length; j += step)
                        scatter(pixel, count, dz + group * o, p->o, least(step, v.taps.length - j), (tile_job){
                            .k = {1, o, 1, &zero},
                            .b = panel_at(&job->kernel, group, run, j / NR), .b_step = NR,
                            .floor = -__builtin_inf(),
                        }, v.pixels, windows + group * i + v.taps.start[run] + j);
        }
        if (!v.inside)
            unpad(p, &v, box, dx);
        for (ptrdiff_t r = 0; job->bias && r < size; r++)
            for (ptrdiff_t j = 0; j < p->i; j += VL) {
                real *to = dx + r * p->i + j;
                store_n(to, p->i - j, load_n(to, p->i - j) + load_n(job->bias + j, p->i - j));
            }
        if (job->f != CDL_LINEAR)
            finish(job->f, 1, size * p->i, dx, 0);
    }
}

/* dx = f(bias + ...): for a gradient bias is NULL and f is linear, for a transposed convolution they are its own. */
static int input_gradient(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w, field dz,
                          const real *kernel, const real *bias, cdl_function f, real *dx)
{
    input_gradient_job job = {make_plan(n, i, o, groups, w, SLAB_PIXELS), dz, {0}, bias, f, dx, 0};
    plan *p = &job.p;
    if (n * w->in[0] * w->in[1] * w->in[2] * i == 0)
        return 0;
    p->height = w->out[p->cut];         /* windows overlap: an image belongs to one task */
    p->stripes = p->images = 1;
    p->joined &= w->size[2] * i <= JOINED;
    const ptrdiff_t length = p->joined ? w->size[2] * i : i / groups;
    job.kernel = (packing){groups, p->taps * i / groups / length, length, i / groups, o / groups, 1, kernel, NULL};
    if (pack_kernel(&job.kernel) == NULL)
        return -1;
    cdl_parallel(n, 1, convolution_cost(p), input_gradient_task, &job);
    cdl_release(job.kernel.panels, packed_bytes(&job.kernel));
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

/* total[o] += the sum of rows[count][o] */
static void add_rows(ptrdiff_t count, ptrdiff_t o, const real *rows, real *total)
{
    for (ptrdiff_t j = 0; j < o; j += VL) {
        const ptrdiff_t left = o - j;
        vec sum[4] = {splat(0), splat(0), splat(0), splat(0)};
        ptrdiff_t r = 0;
        for (; r + 4 <= count; r += 4)
            for (int s = 0; s < 4; s++)
                sum[s] += load_n(rows + (r + s) * o + j, left);
        for (; r < count; r++)
            sum[0] += load_n(rows + r * o + j, left);
        store_n(total + j, left, load_n(total + j, left) + ((sum[0] + sum[1]) + (sum[2] + sum[3])));
    }
}

static void kernel_gradient_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    kernel_gradient_job *job = arg;
    const plan *p = &job->p;
    const ptrdiff_t i = p->i / p->groups, o = p->o / p->groups;
    const ptrdiff_t most_pixels = p->pixels / p->w.out[p->cut] * p->height * p->images;
    const ptrdiff_t room = (box_size(p, p->images, p->height) + 15) / 16 * 16;
    const ptrdiff_t dz_room = job->dz.f == CDL_LINEAR ? 0 : (most_pixels * p->o + 15) / 16 * 16;
    real *box = cdl_workspace(sizeof(real) * (room + dz_room + most_pixels * NR) + sizeof(ptrdiff_t) * table_size(p));
    if (box == NULL) {
        __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
        return;
    }
    real *panel = box + room + dz_room;
    ptrdiff_t *table = (ptrdiff_t *)(panel + most_pixels * NR);
    for (ptrdiff_t part = begin; part < end; part++) {
        real *more = job->more + (part - 1) * (job->size + p->o);
        real *dkernel = part == 0 ? job->dkernel : more, *dbias = part == 0 ? job->dbias : more + job->size;
        if (job->dbias)
            memset(dbias, 0, sizeof(real) * (size_t)p->o);
        const ptrdiff_t first = p->n * part / job->parts * p->stripes, last = p->n * (part + 1) / job->parts * p->stripes;
        for (ptrdiff_t item = first, items; item < last; item += items) {
            const slab s = slab_at(p, item, last, &items);
            const ptrdiff_t pixels = slab_pixels(p, s), at = slab_begin(p, s) * p->o;
            const real *dz = values(job->dz, at, at + pixels * p->o, box + room);
            if (job->dbias)
                add_rows(pixels, p->o, dz, dbias);
            if (job->dkernel == NULL)
                continue;
            const view v = make_view(p, s, job->x.f == CDL_LINEAR, table);
            const real *x = look(p, &v, s, job->x, box);
            for (ptrdiff_t group = 0; group < p->groups; group++)
                for (ptrdiff_t j = 0; j < o; j += NR) {
                    const ptrdiff_t columns = least(NR, o - j), column = group * o + j;
                    pack_panel(pixels, columns, (cdl_matrix){dz, p->o, 1}, dz + column, panel);
                    run_panel(x + group * i, v.taps, 0, columns, CDL_LINEAR, (tile_job){
                        .k = v.pixels,
                        .b = panel, .b_step = NR,
                        .start = item == first ? NULL : dkernel + column, .start_row = p->o,
                        .c = dkernel + column, .c_row = p->o,
                        .floor = -__builtin_inf(),
                    });
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

static int kernel_gradient(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w, field x, field dz,
                           real *dkernel, real *dbias)
{
    kernel_gradient_job job = {.p = make_plan(n, i, o, groups, w, GRADIENT_PIXELS), .x = x, .dz = dz,
                               .dkernel = dkernel, .dbias = dbias};
    job.size = dkernel ? job.p.taps * i / groups * o : 0;
    if (n * job.p.pixels == 0 || job.size + o == 0) {
        if (dkernel)
            memset(dkernel, 0, sizeof(real) * (size_t)job.size);
        if (dbias)
            memset(dbias, 0, sizeof(real) * (size_t)o);
        return 0;
    }
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
