/* winograd_transform.c - the steps around a product of polynomials that is found from its values at six points.
 *
 * The points are 0, +-sqrt(1/2), +-sqrt(2) and infinity, whose value of a polynomial is its last coefficient.  With them
 * the error is 1.4 (five weights) to 2.7 times (three) that of the plain sum, root mean square over 32 channels in
 * float32; with the usual 0, +-1, +-2 and infinity it is 5 times.
 *
 * B. Barabasz, A. Anderson, K. M. Soodhalter, D. Gregg, "Error Analysis and Improving the Accuracy of Winograd Convolution
 * for Deep Neural Networks", ACM TOMS 46(4), 2020.
 */

enum { SIX = 6 };                       /* points along an axis, and inputs that a tile covers */

static const double low = 0.70710678118654752, high = 1.4142135623730951;      /* the points */

/* ---- Along one axis, for one register of channels -------------------------------------------------------------------- */

/* t[point] = the six inputs times the coefficients of M(a) / (a - point), where M(a) = a (a^2 - 1/2) (a^2 - 2). */
static inline __attribute__((always_inline)) void spread(const vec d[SIX], vec t[SIX])
{
    const vec even_low = vfma(splat(-2), d[2], d[4]), odd_low = splat(low) * vfma(splat(-2), d[1], d[3]);
    const vec even_high = vfma(splat(-0.5), d[2], d[4]), odd_high = splat(high) * vfma(splat(-0.5), d[1], d[3]);
    t[0] = vfma(splat(-2.5), d[2], d[0] + d[4]);
    t[1] = even_low + odd_low;
    t[2] = even_low - odd_low;
    t[3] = even_high + odd_high;
    t[4] = even_high - odd_high;
    t[5] = vfma(splat(-2.5), d[3], d[1] + d[5]);
}

/* g[first] + g[first + 2] square + g[first + 4] square^2 ..., of `count` coefficients. */
static inline __attribute__((always_inline)) vec every_second(int count, const vec g[SIX], int first, double square)
{
    vec sum = g[first];
    double power = square;
#pragma GCC unroll 2
    for (int j = first + 2; j < count; j += 2, power *= square)
        sum = vfma(splat(power), g[j], sum);
    return sum;
}

/* t[point] = the polynomial with the coefficients g[0 .. count-1] over M'(point). */
static inline __attribute__((always_inline)) void evaluate(int count, const vec g[SIX], vec t[SIX])
{
    const vec even_low = every_second(count, g, 0, 0.5), odd_low = splat(low) * every_second(count, g, 1, 0.5);
    const vec even_high = every_second(count, g, 0, 2), odd_high = splat(high) * every_second(count, g, 1, 2);
    t[0] = g[0];
    t[1] = splat(-2. / 3) * (even_low + odd_low);
    t[2] = splat(-2. / 3) * (even_low - odd_low);
    t[3] = splat(1. / 6) * (even_high + odd_high);
    t[4] = splat(1. / 6) * (even_high - odd_high);
    t[5] = g[count - 1];
}

/* y[j] = sum over points of point^j * m[point], j < count; infinity counts for the last. */
static inline __attribute__((always_inline)) void interpolate(int count, const vec m[SIX], vec y[SIX])
{
    const vec even_low = m[1] + m[2], odd_low = splat(low) * (m[1] - m[2]);
    const vec even_high = m[3] + m[4], odd_high = splat(high) * (m[3] - m[4]);
    y[0] = m[0] + (even_low + even_high);
    y[1] = odd_low + odd_high;
    y[2] = vfma(splat(0.5), even_low, splat(2) * even_high);
    y[3] = vfma(splat(0.5), odd_low, splat(2) * odd_high);
    y[4] = vfma(splat(0.25), even_low, splat(4) * even_high);
    y[count - 1] += m[5];
}

/* ---- Along both ------------------------------------------------------------------------------------------------------ */

/* An axis: a kernel of `taps`; a tile of `outputs`; and `points`.  With a single tap there is nothing to transform. */
typedef struct {
    int taps, outputs, points;
} cut_axis;

static cut_axis make_cut(ptrdiff_t taps)
{
    return taps == 1 ? (cut_axis){1, 1, 1} : (cut_axis){(int)taps, SIX + 1 - (int)taps, SIX};
}

typedef vec square[SIX][SIX];

typedef enum { SPREAD, EVALUATE, INTERPOLATE } stage;

static inline __attribute__((always_inline)) void run_stage(stage which, int count, const vec from[SIX], vec to[SIX])
{
    if (count == 1)
        to[0] = from[0];
    else if (which == SPREAD)
        spread(from, to);
    else if (which == EVALUATE)
        evaluate(count, from, to);
    else
        interpolate(count, from, to);
}

/* The numbers along an axis before a stage, and after it. */
static inline int before(stage which, int count)
{
    return count == 1 ? 1 : which == EVALUATE ? count : SIX;
}

static inline int after(stage which, int count)
{
    return count == 1 ? 1 : which == INTERPOLATE ? count : SIX;
}

/* Down the columns, then along the rows.  `down` and `across` count the coefficients; 1 means that the axis is not cut. */
static inline __attribute__((always_inline)) void transform(stage which, int down, int across, square x)
{
    vec from[SIX], to[SIX];
    for (int c = 0; c < before(which, across); c++) {
        for (int r = 0; r < before(which, down); r++)
            from[r] = x[r][c];
        run_stage(which, down, from, to);
        for (int r = 0; r < after(which, down); r++)
            x[r][c] = to[r];
    }
    for (int r = 0; r < after(which, down); r++) {
        run_stage(which, across, x[r], to);
        for (int c = 0; c < after(which, across); c++)
            x[r][c] = to[c];
    }
}
