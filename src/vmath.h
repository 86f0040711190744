/* vmath.h - exp, log and their relatives on registers, the same bits on every instruction set with FMA.
 *
 * Errors are in units in the last place (ulp), measured over the whole range against long double; tests/test_ops.py
 * holds them against libm.  NaN gives NaN.  Denormal numbers count as zero.
 */
#ifndef CDL_VMATH_H
#define CDL_VMATH_H

#include "simd.h"

/* ln 2 in two parts: the high part has so few digits that its product with an exponent is exact. */
#ifdef CDL_DOUBLE
static const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
#else
static const double ln2_high = 0x1.62e400p-1, ln2_low = 0x1.7f7d1cp-20;
#endif

/* exp(x) = 2^n * (1 + q) with n = round(x / ln 2) and 1 + q = exp(r), |r| = |x - n ln 2| <= ln(2)/2.
 * q = r + r^2 s(r), where s interpolates (exp(r) - 1 - r) / r^2 in Chebyshev's points; its error is below a tenth of the
 * last place.  The terms of s come in pairs: they wait for one another half as often as one by one.
 * x must be in the range where 2^n exists; 2^-EXPONENT_BIAS is 0. */
static inline vec exp_parts(vec x, vec *power)
{
#ifdef CDL_DOUBLE
    static const double s[] = {
        0.5000000000000001, 0.16666666666666667, 0.041666666666624128, 0.0083333333333300618, 0.0013888888917213717,
        0.00019841269863053617, 2.4801521295954375e-5, 2.7557268459997065e-6, 2.7620088445409748e-7, 2.5100385495510319e-8};
#else
    static const double s[] = {0.5, 0.16666577, 0.0416665546, 0.00836317905, 0.00139261836};
#endif
    enum { TERMS = sizeof s / sizeof s[0] };
    /* The low bits of the sum are n with the bias of an exponent: shifted to its place, they are 2^n. */
    const vec rounder = splat(ROUNDER + EXPONENT_BIAS), rounded = vfma(x, splat(1.4426950408889634), rounder);
    *power = (vec)((ivec)rounded << MANTISSA_BITS);
    const vec n = rounded - rounder, r = vfma(n, splat(-ln2_low), vfma(n, splat(-ln2_high), x)), square = r * r;
    int k = TERMS - 1;
    vec series = splat(s[k]);
    if (k % 2)
        series = vfma(series, r, splat(s[--k]));
    for (k -= 2; k >= 0; k -= 2)
        series = vfma(series, square, vfma(splat(s[k + 1]), r, splat(s[k])));
    return vfma(series, square, r);
}

/* exp(x), 1 ulp.  Overflow gives infinity; results below 4 * the smallest normal number may be 0. */
static inline vec vexp(vec x)
{
    const double ln2 = 0.6931471805599453;
    vec power, q = exp_parts(vmax(splat((1 - EXPONENT_BIAS) * ln2), vmin(splat((EXPONENT_BIAS + 1.25) * ln2), x)), &power);
    /* 2^(n-1), then doubled: 2^n itself may be just too large.  The smallest n gives the factor 0. */
    vec half = (vec)((ivec)power - ((lane)1 << MANTISSA_BITS)), y = vfma(half, q, half);
    return y + y;
}

/* exp(x) - 1, also near 0, for x <= 80; 2 ulp. */
static inline vec vexpm1(vec x)
{
    vec power, q = exp_parts(vmax(splat(-40), x), &power);
    return vfma(power, q, power - splat(1));
}

/* log((1 + f) * 2^n), for 1 + f between sqrt(1/2) and sqrt(2).  With s = f / (2 + f),
 * log(1 + f) = 2 atanh(s) = 2s + s R,  R = 2/3 s^2 + 2/5 s^4 + ...,  and 2s = f - s f, so that f is added last. */
static inline vec log_parts(vec f, vec n)
{
    enum { TERMS = CDL_IS_FLOAT ? 4 : 10 };     /* the first missing one is below a twentieth of the last place */
    static const double odd[] = {
        0, 2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11, 2. / 13, 2. / 15, 2. / 17, 2. / 19, 2. / 21};
    vec s = f / (f + splat(2)), s2 = s * s;
    vec series = splat(odd[TERMS]);
    for (int k = TERMS - 1; k >= 1; k--)
        series = vfma(series, s2, splat(odd[k]));
    vec small = vfma(n, splat(-ln2_low), s * vfma(-series, s2, f));
    return vfma(n, splat(ln2_high), f - small);
}

/* log(x), 1 ulp; -infinity for 0, NaN below. */
static inline vec vlog(vec x)
{
    vec m = mantissa_of(x);
    mask high = m > splat(1.4142135623730951);
    vec n = to_real(exponent_of(x) - high);
    vec y = log_parts(vselect(high, m * splat(0.5), m) - splat(1), n);
    y = vselect(x < splat(__builtin_inf()), y, x);
    return vselect(x > splat(0), y, vselect(x == splat(0), splat(-__builtin_inf()), splat(__builtin_nan(""))));
}

/* log(1 + x), also near 0, for 0 <= x <= 1; 1 ulp. */
static inline vec vlog1p(vec x)
{
    mask high = x > splat(0.41421356237309503);
    vec f = vselect(high, (x - splat(1)) * splat(0.5), x);
    return log_parts(f, vselect(high, splat(1), splat(0)));
}

/* 1 / (1 + exp(-x)), 2 ulp.  Results below the smallest normal number are 0 where denormal numbers are flushed. */
static inline vec vsigmoid(vec x)
{
    const double most = EXPONENT_BIAS * 0.6931471805599453;
    vec power, q = exp_parts(vmax(splat(-most), vmin(splat(most), -x)), &power);
    return splat(1) / vfma(power, q, power + splat(1));
}

/* (e - 1) / (e + 1) with e = exp(2|x|), and the sign of x; 2 ulp.  It is 1 to the last bit from |x| = 20 on. */
static inline vec vtanh(vec x)
{
    const mask sign = (mask)x & (mask)splat(-0.0);
    vec power, q = exp_parts(vmin(splat(20), vabs(x)) * splat(2), &power), e = vfma(power, q, power - splat(1));
    return (vec)((mask)(e / (e + splat(2))) | sign);
}

/* The normal distribution: the probability of a number below x, and its density there; 4 ulp, also far below 0.
 *
 * probability(-a) = density(a) * M(a) for a >= 0, with Mills' ratio M, which falls slowly and smoothly from sqrt(pi/2)
 * like 1/a.  M(a) * (a + 4) is a polynomial in t = (a - 4) / (a + 4): its Chebyshev interpolant in 64 points, computed with
 * 60 digits and cut where the rest is below a fifth of the last place. */
static inline vec vnormal(vec x, vec *density)
{
#ifdef CDL_DOUBLE
    static const double mills[] = {
        1.8932190633084853, -1.5237709108199835, 0.9704095548675884, -0.46754096299833248, 0.15139176231244347,
        -0.018900450861711257, -0.0087222952742601247, 0.0040878556812000717, 0.00033424461623284408,
        -0.00057926930464787191, -4.7832642594172083e-06, 8.8095731210723375e-05, 1.7963971214040778e-06,
        -1.4843277679080294e-05, -1.5787665654677373e-06, 2.5687553112297222e-06, 6.8296338316734662e-07,
        -4.0049392925117102e-07, -2.1774195022039326e-07, 4.4730600514503228e-08, 5.3711037651589576e-08,
        -1.4722998923746307e-09, -9.3513404448243398e-09, -3.0073979672398766e-10, 8.5308388602605298e-10};
#else
    static const double mills[] = {
        1.89321906, -1.52377088, 0.970409558, -0.46754172, 0.151391709, -0.018894255, -0.00872193909, 0.00406585159,
        0.000333064556, -0.000540363323, -2.60157718e-06, 5.30978673e-05, -5.79200886e-07};
#endif
    enum { TERMS = sizeof mills / sizeof mills[0] };
    vec a = vmin(splat(40), vabs(x));
    vec inverse = splat(1) / (a + splat(4));
    vec t = vfma(splat(-8), inverse, splat(1));
    vec ratio = splat(mills[TERMS - 1]);
    for (int k = TERMS - 2; k >= 0; k--)
        ratio = vfma(ratio, t, splat(mills[k]));
    vec square = a * a, lost = vfma(a, a, -square);     /* a^2 = square + lost, else exp would magnify the rounding */
    vec e = vexp(square * splat(-0.5));
    *density = vfma(e * lost, splat(-0.5), e) * splat(0.3989422804014327);
    vec tail = *density * ratio * inverse;
    return vselect(x > splat(0), splat(1) - tail, tail);
}

#endif
