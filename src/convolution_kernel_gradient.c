/* convolution_kernel_gradient.c - dkernel = W' dz, and dbias, the sum of the rows of dz. */

enum {
    MOST_PARTS = 16,                    /* dkernel is summed in so many parts, which are then added in order */
    FEW_ROWS = 32,                      /* of dkernel: packing dz costs more than it saves */
};

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
