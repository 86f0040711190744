/* vmath.h - exp and its relatives on registers, the same bits on every instruction set with FMA. */
#ifndef CDL_VMATH_H
#define CDL_VMATH_H

#include "simd.h"

/* exp(x) = 2^n * (1 + q) with n = round(x / ln 2) and 1 + q = exp(r), |r| = |x - n ln 2| <= ln(2)/2:
 * Taylor's series, whose first missing term is below a quarter of the last place.
 * x must be in the range where 2^n exists. */
static inline vec exp_parts(vec x, vec *n)
{
#ifdef CDL_DOUBLE
    enum { TERMS = 13 };
    const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;      /* the high part times n is exact */
#else
    enum { TERMS = 7 };
    const double ln2_high = 0x1.62e400p-1, ln2_low = 0x1.7f7d1cp-20;
#endif
    static const double inverse_factorial[] = {
        1, 1, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320, 1. / 362880, 1. / 3628800,
        1. / 39916800, 1. / 479001600, 1. / 6227020800};
    *n = vround(x * splat(1.4426950408889634));
    vec r = vfma(*n, splat(-ln2_low), vfma(*n, splat(-ln2_high), x));
    vec series = splat(inverse_factorial[TERMS]);
    for (int k = TERMS - 1; k >= 2; k--)
        series = vfma(series, r, splat(inverse_factorial[k]));
    return vfma(series * r, r, r);
}

/* exp(x) within 1 unit in the last place or so.  Overflow gives infinity; results below 4 * the smallest normal number may be 0. */
static inline vec vexp(vec x)
{
    const double ln2 = 0.6931471805599453;
    vec n;
    vec q = exp_parts(vmax(splat(-EXPONENT_BIAS * ln2), vmin(splat((EXPONENT_BIAS + 1.25) * ln2), x)), &n);
    /* 2^(n-1), then doubled: 2^n itself may be just too large.  The smallest n gives the factor 0. */
    vec half = power_of_two(to_integer(vmax(n - splat(1), splat(-EXPONENT_BIAS))));
    vec y = vfma(half, q, half);
    return y + y;
}

/* exp(x) - 1, exact to the last places near 0 too, for x <= 80. */
static inline vec vexpm1(vec x)
{
    vec n;
    vec q = exp_parts(vmax(splat(-40), x), &n);
    vec scale = power_of_two(to_integer(n));
    return vfma(scale, q, scale - splat(1));
}

static inline vec vsigmoid(vec x)
{
    return splat(1) / (splat(1) + vexp(-x));
}

/* (e - 1) / (e + 1) with e = exp(2x); it is 1 to the last bit from |x| = 20 on. */
static inline vec vtanh(vec x)
{
    vec e = vexpm1(vmax(splat(-20), vmin(splat(20), x)) * splat(2));
    return e / (e + splat(2));
}

#endif
