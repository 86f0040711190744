/* depthwise.c - one kernel for each channel: what convolution.c does with a slab when a group has a single input.
 *
 *     y[p][c] = f(bias[c] + sum over t of x[window p at t][c] * kernel[t][c])
 *
 * There is no product of matrices in it; the channels fill the registers, and a few windows share the kernel.  A channel
 * with several outputs has been repeated as often in x, so that x, y and kernel have the same c channels.
 */

enum { ABREAST = 4, SUMS = 9 };         /* windows, or taps, that are worked on together */

/* `count` windows, `step` apart, of 2 registers of channels or the `left` that there are. */
static inline __attribute__((always_inline)) void depthwise_windows(const int count, const real *x, ptrdiff_t step,
                                                                    axis taps, const real *kernel, ptrdiff_t kernel_step,
                                                                    const real *bias, vec floor, real *y, ptrdiff_t y_step,
                                                                    ptrdiff_t left)
{
    vec sum[ABREAST][2];
#pragma GCC unroll 4
    for (int q = 0; q < count; q++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++)
            sum[q][v] = bias ? load_n(bias + v * VL, left - v * VL) : splat(0);
    for (ptrdiff_t t = 0; t < taps.runs; t++, kernel += kernel_step) {
        const real *from = x + taps.start[t];
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
            const vec weight = load_n(kernel + v * VL, left - v * VL);
#pragma GCC unroll 4
            for (int q = 0; q < count; q++)
                sum[q][v] = vfma(load_n(from + q * step + v * VL, left - v * VL), weight, sum[q][v]);
        }
    }
#pragma GCC unroll 4
    for (int q = 0; q < count; q++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++)
            store_n(y + q * y_step + v * VL, left - v * VL, vmax(floor, sum[q][v]));
}

/* The windows of a slab. */
static void depthwise_slab(ptrdiff_t channels, const real *x, axis pixels, axis taps, const real *kernel,
                           ptrdiff_t kernel_step, const real *bias, cdl_function f, real *y)
{
    const vec floor = splat(f == CDL_RELU ? 0 : -__builtin_inf());
    for (ptrdiff_t run = 0; run < pixels.runs; run++)
        for (ptrdiff_t j = 0; j < channels; j += 2 * VL) {
            const real *at = x + pixels.start[run] + j, *k = kernel + j, *b = bias ? bias + j : NULL;
            real *to = y + run * pixels.length * channels + j;
            const ptrdiff_t left = channels - j;
            ptrdiff_t w = 0;
            if (left >= 2 * VL)
                for (; w + ABREAST <= pixels.length; w += ABREAST)
                    depthwise_windows(ABREAST, at + w * pixels.step, pixels.step, taps, k, kernel_step, b, floor,
                                      to + w * channels, channels, 2 * VL);
            for (; w < pixels.length; w++)
                depthwise_windows(1, at + w * pixels.step, pixels.step, taps, k, kernel_step, b, floor, to + w * channels,
                                  channels, left);
        }
    if (f > CDL_RELU)
        finish(f, 1, pixels.runs * pixels.length * channels, y, 0);
}

/* x[window p at t][c] += dz[p][c] * kernel[t][c] */
static void depthwise_scatter(ptrdiff_t channels, const real *dz, axis pixels, axis taps, const real *kernel, real *x)
{
    for (ptrdiff_t run = 0; run < pixels.runs; run++)
        for (ptrdiff_t t = 0; t < taps.runs; t++) {
            real *to = x + pixels.start[run] + taps.start[t];
            const real *from = dz + run * pixels.length * channels, *weight = kernel + t * channels;
            for (ptrdiff_t j = 0; j < channels; j += VL) {
                const ptrdiff_t left = channels - j;
                const vec factor = load_n(weight + j, left);
                for (ptrdiff_t w = 0; w < pixels.length; w++) {
                    real *sum = to + w * pixels.step + j;
                    store_n(sum, left, vfma(load_n(from + w * channels + j, left), factor, load_n(sum, left)));
                }
            }
        }
}

static inline __attribute__((always_inline)) void depthwise_sums(ptrdiff_t channels, const int taps, const ptrdiff_t *tap,
                                                                 const real *x, axis pixels, const real *dz, int continued,
                                                                 real *dkernel, ptrdiff_t left)
{
    vec sum[SUMS];
    const real *from[SUMS];
#pragma GCC unroll 9
    for (int t = 0; t < taps; t++)
        sum[t] = continued ? load_n(dkernel + t * channels, left) : splat(0);
    for (ptrdiff_t run = 0; run < pixels.runs; run++) {
#pragma GCC unroll 9
        for (int t = 0; t < taps; t++)
            from[t] = x + pixels.start[run] + tap[t];
        for (ptrdiff_t w = 0, at = 0; w < pixels.length; w++, at += pixels.step, dz += channels) {
            const vec gradient = load_n(dz, left);
#pragma GCC unroll 9
            for (int t = 0; t < taps; t++)
                sum[t] = vfma(load_n(from[t] + at, left), gradient, sum[t]);
        }
    }
#pragma GCC unroll 9
    for (int t = 0; t < taps; t++)
        store_n(dkernel + t * channels, left, sum[t]);
}

/* dkernel[t][c] = the sum over windows of x[window p at t][c] * dz[p][c], added to what is there if `continued`. */
static void depthwise_gradient(ptrdiff_t channels, const real *x, axis pixels, axis taps, const real *dz, int continued,
                               real *dkernel)
{
    for (ptrdiff_t j = 0; j < channels; j += VL) {
        const ptrdiff_t left = channels - j;
        for (ptrdiff_t t = 0, count; t < taps.runs; t += count) {
            count = left < VL ? 1 : least(taps.runs - t, SUMS);
            switch (count) {
#define CASE(taps_now, left_now)                                                                                    \
    depthwise_sums(channels, taps_now, taps.start + t, x + j, pixels, dz + j, continued, dkernel + t * channels + j, \
                   left_now);                                                                                       \
    break
            case 1: CASE(1, left);
            case 2: CASE(2, VL);
            case 3: CASE(3, VL);
            case 4: CASE(4, VL);
            case 5: CASE(5, VL);
            case 6: CASE(6, VL);
            case 7: CASE(7, VL);
            case 8: CASE(8, VL);
            case 9: CASE(9, VL);
#undef CASE
            }
        }
    }
}
