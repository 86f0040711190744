/* windows.c - what windows see: the images cut into slabs, their padding, and where the elements are.
 *
 * Channels are last, so one row of a window is a run of neighbours in memory, and the windows of one line are equally far
 * apart.  Element t of window p lies at  pixels(p) + taps(t),  two axes of a few runs each.
 * What is padded is copied first, with its zeros: a slab of a few images, or a stripe of a large one, that fits the cache.
 */

enum {
    SLAB_PIXELS = 1024,                 /* windows of a slab, about */
    SLAB_BYTES = 192 * 1024,            /* the copy of a slab, at most, unless one line is more */
};

/* The sizes of a convolution, and how it is cut: into groups of whole images, or into stripes of single ones. */
typedef struct {
    ptrdiff_t n, i, o, groups;
    cdl_windows w;
    ptrdiff_t pixels, taps;             /* windows of an image, positions of a window */
    int cut;                            /* stripes are cut along this axis, the first that is longer than 1 */
    ptrdiff_t height, stripes;          /* windows along it in one stripe; stripes of an image */
    ptrdiff_t images;                   /* in a slab, at most */
    int joined;                         /* the positions in one row of a window are one run */
    ptrdiff_t repeat;                   /* a group with one input: it is repeated for each output, and i = o; otherwise 0 */
} plan;

/* The number of positions that `count` windows in a row cover. */
static ptrdiff_t extent(const cdl_windows *w, int a, ptrdiff_t count)
{
    return (count - 1) * w->stride[a] + (w->size[a] - 1) * w->dilation[a] + 1;
}

static plan make_plan(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w, ptrdiff_t pixels)
{
    plan p = {.n = n, .i = i, .o = o, .groups = groups, .w = *w, .joined = groups == 1 && w->dilation[2] == 1};
    if (groups > 1 && i == groups && o > 0) {
        p.repeat = o / groups;
        p.i = i = p.groups = o;
    }
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

/* The slab that begins at item `begin`, and the number of items in it: images, or stripes where there are some. */
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
    if (v->inside)
        return x.x + s.image * v->image + v->low[0] * v->pitch[0] + v->low[1] * v->pitch[1] + v->low[2] * v->pitch[2];
    const ptrdiff_t *in = p->w.in, repeat = most(1, p->repeat);
    const ptrdiff_t left = most(0, -v->low[2]), from = most(0, v->low[2]);
    const ptrdiff_t length = most(0, least(in[2], v->low[2] + v->size[2]) - from);
    real *to = room;
    for (ptrdiff_t k = s.image; k < s.image + s.images; k++)
        for (ptrdiff_t d = v->low[0]; d < v->low[0] + v->size[0]; d++)
            for (ptrdiff_t h = v->low[1]; h < v->low[1] + v->size[1]; h++, to += v->pitch[1]) {
                const int outside = d < 0 || d >= in[0] || h < 0 || h >= in[1];
                const ptrdiff_t begin = left * p->i, end = begin + (outside ? 0 : length * p->i);
                memset(to, 0, (size_t)begin * sizeof(real));
                if (end > begin) {
                    const ptrdiff_t first = (((k * in[0] + d) * in[1] + h) * in[2] + from) * (p->i / repeat);
                    const real *row = values(x, first, first + length * (p->i / repeat), to + begin);
                    if (repeat > 1)
                        for (ptrdiff_t j = end - 1; j >= begin; j--)
                            to[j] = row[(j - begin) / repeat];
                    else if (row != to + begin)
                        memcpy(to + begin, row, (size_t)(end - begin) * sizeof(real));
                }
                memset(to + end, 0, (size_t)(v->pitch[1] - end) * sizeof(real));
            }
    return room;
}
