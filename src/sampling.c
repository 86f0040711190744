/* sampling.c - images seen through affine maps: where does each pixel of the output lie in the input, and what is there? */

enum { SPAN = 64 };             /* output pixels of a row whose positions are computed at once */

/* Positions are kept within what an int32 holds, also if they are infinite or NaN; an image is smaller than that. */
#define FARTHEST ((real)(1 << 30))

typedef struct {
    const cdl_sampling *s;
    const real *x, *transforms;
    real *y;
    real fill;
} affine_samples;

/* For `count` pixels: the pixel at or before each position, and how far behind it (0 .. 1) the position lies. */
typedef struct {
    int32_t row[SPAN], column[SPAN];
    real below[SPAN], right[SPAN];
} positions;

/* NaN counts as the farthest to the left or the top. */
static inline real within_reach(real p)
{
    p = p > -FARTHEST ? p : -FARTHEST;
    return p < FARTHEST ? p : FARTHEST;
}

static inline real floor_of(real p)
{
    return CDL_IS_FLOAT ? __builtin_floorf(p) : __builtin_floor(p);
}

/* The nearest integer; a half goes away from zero. */
static inline real nearest_to(real p)
{
    real magnitude = p < 0 ? -p : p, whole = floor_of(magnitude);
    whole += magnitude - whole >= (real)0.5 ? 1 : 0;
    return p < 0 ? -whole : whole;
}

static inline __attribute__((always_inline)) void locate(const real *t, ptrdiff_t i, ptrdiff_t j, int count, int bilinear,
                                                         positions *at)
{
    const real row = t[0] * (real)i + t[2], column = t[3] * (real)i + t[5], down = t[1], along = t[4], first = (real)j;
    for (int k = 0; k < count; k++) {
        real p = within_reach(row + down * (first + (real)k)), q = within_reach(column + along * (first + (real)k));
        real p0 = bilinear ? floor_of(p) : nearest_to(p), q0 = bilinear ? floor_of(q) : nearest_to(q);
        at->row[k] = (int32_t)p0;
        at->column[k] = (int32_t)q0;
        at->below[k] = p - p0;
        at->right[k] = q - q0;
    }
}

/* The index inside [0, size) that stands for any index; -1 if it is outside and stands for the fill value. */
static ptrdiff_t folded(ptrdiff_t index, ptrdiff_t size, cdl_fill_mode mode)
{
    if (index >= 0 && index < size)
        return index;
    switch (mode) {
    case CDL_FILL_NEAREST:
        return index < 0 ? 0 : size - 1;
    case CDL_FILL_WRAP:
        return (index % size + size) % size;
    case CDL_FILL_REFLECT:              /* the image and its mirror image, repeated */
        index = (index % (2 * size) + 2 * size) % (2 * size);
        return index < size ? index : 2 * size - 1 - index;
    default:
        return -1;
    }
}

/* Where the channels of a pixel are; a step of 0 repeats the fill value. */
typedef struct {
    const real *at;
    ptrdiff_t step;
} pixel;

/* The pixel at a folded row and column. */
static inline pixel pixel_at(const affine_samples *a, const real *image, ptrdiff_t row, ptrdiff_t column)
{
    return row < 0 || column < 0 ? (pixel){&a->fill, 0} : (pixel){image + (row * a->s->w + column) * a->s->c, 1};
}

/* y = the four pixels, each as far as it is near.  Where they are equal, y is equal to them. */
#define BLEND(p00, p01, p10, p11, below, right, y)                                                                     \
    do {                                                                                                               \
        __typeof__(p00) top = p00 + right * (p01 - p00), bottom = p10 + right * (p11 - p10);                           \
        y = top + below * (bottom - top);                                                                              \
    } while (0)

static inline __attribute__((always_inline)) void blend(ptrdiff_t c, pixel p00, pixel p01, pixel p10, pixel p11, real below,
                                                        real right, real *y)
{
    for (ptrdiff_t k = 0; k < c; k++) {
        real a = p00.at[k * p00.step], b = p01.at[k * p01.step], d = p10.at[k * p10.step], e = p11.at[k * p11.step];
        BLEND(a, b, d, e, below, right, y[k]);
    }
}

/* Three channels at once; one element beyond each pixel is read. */
typedef real quad __attribute__((vector_size(4 * sizeof(real))));

static inline void blend_three(const real *p, ptrdiff_t row, real below, real right, real *y)
{
    quad a, b, d, e, v;
    __builtin_memcpy(&a, p, sizeof a);
    __builtin_memcpy(&b, p + 3, sizeof b);
    __builtin_memcpy(&d, p + row, sizeof d);
    __builtin_memcpy(&e, p + row + 3, sizeof e);
    BLEND(a, b, d, e, below, right, v);
    __builtin_memcpy(y, &v, 3 * sizeof(real));
}

/* The rows [begin, end) of the outputs of all images, for images of c channels. */
static inline __attribute__((always_inline)) void sample_rows(const affine_samples *a, ptrdiff_t begin, ptrdiff_t end,
                                                              ptrdiff_t c, int bilinear)
{
    const cdl_sampling *s = a->s;
    const ptrdiff_t h = s->h, w = s->w, quads = (h - 1) * w - 2;        /* from there on, blend_three would leave the image */
    positions at;
    for (ptrdiff_t r = begin; r < end; r++) {
        const ptrdiff_t number = r / s->out_h, i = r % s->out_h;
        const real *image = a->x + number * h * w * c;
        real *y = a->y + r * s->out_w * c;
        for (ptrdiff_t j = 0; j < s->out_w; j += SPAN) {
            const int count = s->out_w - j < SPAN ? (int)(s->out_w - j) : SPAN;
            locate(a->transforms + 6 * number, i, j, count, bilinear, &at);
            for (int k = 0; k < count; k++, y += c) {
                const ptrdiff_t row = at.row[k], column = at.column[k];
                const int inside = row >= 0 && row < h - bilinear && column >= 0 && column < w - bilinear;
                const ptrdiff_t where = inside ? row * w + column : 0;
                const real *p = image + where * c;
                if (inside && !bilinear) {
                    for (ptrdiff_t q = 0; q < c; q++)
                        y[q] = p[q];
                } else if (inside && c == 3 && where < quads) {
                    blend_three(p, w * 3, at.below[k], at.right[k], y);
                } else if (inside) {
                    blend(c, (pixel){p, 1}, (pixel){p + c, 1}, (pixel){p + w * c, 1}, (pixel){p + (w + 1) * c, 1},
                          at.below[k], at.right[k], y);
                } else {
                    const ptrdiff_t r0 = folded(row, h, s->fill_mode), c0 = folded(column, w, s->fill_mode);
                    if (!bilinear) {
                        const pixel p00 = pixel_at(a, image, r0, c0);
                        for (ptrdiff_t q = 0; q < c; q++)
                            y[q] = p00.at[q * p00.step];
                        continue;
                    }
                    const ptrdiff_t r1 = folded(row + 1, h, s->fill_mode), c1 = folded(column + 1, w, s->fill_mode);
                    blend(c, pixel_at(a, image, r0, c0), pixel_at(a, image, r0, c1), pixel_at(a, image, r1, c0),
                          pixel_at(a, image, r1, c1), at.below[k], at.right[k], y);
                }
            }
        }
    }
}

static void affine_sample_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const affine_samples *a = arg;
    const ptrdiff_t c = a->s->c;
    if (a->s->bilinear)
        switch (c) {
        case 1: sample_rows(a, begin, end, 1, 1); break;
        case 3: sample_rows(a, begin, end, 3, 1); break;
        default: sample_rows(a, begin, end, c, 1);
        }
    else
        switch (c) {
        case 1: sample_rows(a, begin, end, 1, 0); break;
        case 3: sample_rows(a, begin, end, 3, 0); break;
        default: sample_rows(a, begin, end, c, 0);
        }
}

static void affine_sample(const cdl_sampling *s, const void *x, const void *transforms, void *y)
{
    affine_samples a = {s, x, transforms, y, (real)s->fill_value};
    const double pixels = (double)s->n * s->out_h * s->out_w;
    cdl_parallel(s->n * s->out_h, 1, pixels * (2 + (s->bilinear ? 1.0 : 0.5) * s->c), affine_sample_task, &a);
}
