/* simd.h - one register of `real`, for every instruction set and both types.
 *
 * A unit in isa/ defines CDL_REAL (float or double) and VEC_BYTES (16, 32 or 64) before it includes this.  Arithmetic and
 * comparisons are the ordinary operators of GCC's vector extensions: a + b, a * b, a < b.  A comparison gives a `mask`,
 * whose lanes are 0 or -1.  Only what the operators cannot say is an intrinsic, in the function of that name;
 * where the instruction is missing there is a plain loop, so a 64-byte unit also runs (slowly) without AVX-512.
 *
 * Same bits everywhere: nothing here depends on VEC_BYTES except how many lanes are done at once.  Sums over lanes go
 * through `lanes`, which is 64 bytes wide on every instruction set.
 */
#ifndef CDL_SIMD_H
#define CDL_SIMD_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define CDL_IS_FLOAT (sizeof(real) == 4)

typedef CDL_REAL real;
#ifdef CDL_DOUBLE
typedef int64_t lane;       /* integers as wide as real */
typedef uint64_t ulane;
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#else
typedef int32_t lane;
typedef uint32_t ulane;
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#endif

enum {
    VL = VEC_BYTES / sizeof(real),      /* elements in a vec */
    PARTS = 64 / VEC_BYTES,             /* vecs in a `lanes` */
    LANES = 64 / sizeof(real),          /* elements in a `lanes`: 16 or 8, on every instruction set */
};

typedef real vec __attribute__((vector_size(VEC_BYTES)));
typedef lane mask __attribute__((vector_size(VEC_BYTES)));
typedef mask ivec;
typedef ulane uvec __attribute__((vector_size(VEC_BYTES)));
typedef uint64_t wide __attribute__((vector_size(VEC_BYTES)));      /* for random numbers */

/* X86(add) is _mm_add_ps ... _mm512_add_pd, if the unit may use it. */
#define PASTE(a, b, c) a##b##c
#define PASTE_EXPANDED(a, b, c) PASTE(a, b, c)
#if defined(__SSE4_2__) && VEC_BYTES == 16
#define X86_PREFIX _mm_
#elif defined(__AVX2__) && VEC_BYTES == 32
#define X86_PREFIX _mm256_
#elif defined(__AVX512F__) && VEC_BYTES == 64
#define X86_PREFIX _mm512_
#endif
#ifdef CDL_DOUBLE
#define X86(operation) PASTE_EXPANDED(X86_PREFIX, operation, _pd)
#else
#define X86(operation) PASTE_EXPANDED(X86_PREFIX, operation, _ps)
#endif

/* ---- Memory ------------------------------------------------------------------------------------------------------- */

static inline vec splat(double x)
{
    return (real)x - (vec){0};      /* + would turn -0 into 0 */
}

static inline vec load(const real *p)
{
    vec v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(real *p, vec v)
{
    __builtin_memcpy(p, &v, sizeof v);
}

/* 0, 1, 2, ... */
static inline ivec iota(void)
{
    ivec v;
    for (int j = 0; j < VL; j++)
        v[j] = j;
    return v;
}

/* The lanes before n, for any n. */
static inline mask first(ptrdiff_t n)
{
    n = n < 0 ? 0 : n > VL ? VL : n;
    return iota() < (ivec){0} + (lane)n;
}

/* p[0..n) and zeros; nothing beyond p[n) is touched.  Any n: a whole register from VL up, zeros below 1. */
static inline vec load_n(const real *p, ptrdiff_t n)
{
    if (n >= VL)
        return load(p);
#if defined(__AVX512F__) && VEC_BYTES == 64
    return X86(maskz_loadu)(n <= 0 ? 0 : (1u << n) - 1, p);
#elif defined(__AVX2__) && VEC_BYTES == 32
    return X86(maskload)(p, (__m256i)first(n));
#else
    vec v = {0};
    for (int j = 0; j < n; j++)
        v[j] = p[j];
    return v;
#endif
}

static inline void store_n(real *p, ptrdiff_t n, vec v)
{
    if (n >= VL) {
        store(p, v);
        return;
    }
#if defined(__AVX512F__) && VEC_BYTES == 64
    X86(mask_storeu)(p, n <= 0 ? 0 : (1u << n) - 1, v);
#elif defined(__AVX2__) && VEC_BYTES == 32
    /* In halves, quarters and so on: maskstore is 40 micro-operations on a Zen 3. */
    for (ptrdiff_t piece = VL / 2; piece > 0; piece /= 2)
        if (n & piece && n > 0) {
            __builtin_memcpy(p, &v, (size_t)piece * sizeof(real));
            p += piece;
            v = __builtin_shuffle(v, (iota() + (lane)piece) & (VL - 1));
        }
#else
    for (int j = 0; j < n; j++)
        p[j] = v[j];
#endif
}

/* The first lane that is set, VL if none is. */
static inline int first_lane(mask m)
{
#if defined(__AVX512DQ__) && VEC_BYTES == 64 && defined(CDL_DOUBLE)
    unsigned bits = _mm512_movepi64_mask((__m512i)m);
#elif defined(__AVX512DQ__) && VEC_BYTES == 64
    unsigned bits = _mm512_movepi32_mask((__m512i)m);
#elif defined(X86_PREFIX)
    unsigned bits = X86(movemask)((vec)m);
#else
    unsigned bits = 0;
    for (int j = 0; j < VL; j++)
        bits |= (unsigned)(m[j] & 1) << j;
#endif
    return __builtin_ctz(bits | 1u << VL);
}

/* ---- Arithmetic --------------------------------------------------------------------------------------------------- */

/* a*b + c, rounded once (twice on a CPU without FMA). */
static inline vec vfma(vec a, vec b, vec c)
{
#if defined(__FMA__) && defined(X86_PREFIX)
    return X86(fmadd)(a, b, c);
#elif defined(__FMA__)
    for (int j = 0; j < VL; j++)
        c[j] = CDL_IS_FLOAT ? __builtin_fmaf(a[j], b[j], c[j]) : __builtin_fma(a[j], b[j], c[j]);
    return c;
#elif defined(__aarch64__) && defined(CDL_DOUBLE)
    return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined(__aarch64__)
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* if_true where m, else if_false. */
static inline vec vselect(mask m, vec if_true, vec if_false)
{
#if defined(__AVX512DQ__) && VEC_BYTES == 64 && defined(CDL_DOUBLE)
    return _mm512_mask_blend_pd(_mm512_movepi64_mask((__m512i)m), if_false, if_true);
#elif defined(__AVX512DQ__) && VEC_BYTES == 64
    return _mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)m), if_false, if_true);
#elif defined(X86_PREFIX)
    return X86(blendv)(if_false, if_true, (vec)m);
#else
    return (vec)((m & (mask)if_true) | (~m & (mask)if_false));
#endif
}

/* The larger one; b if either is NaN.  So vmax(zero, x) lets the NaN of an x through. */
static inline vec vmax(vec a, vec b)
{
#ifdef X86_PREFIX
    return X86(max)(a, b);
#else
    return vselect(a > b, a, b);
#endif
}

/* The smaller one; b if either is NaN. */
static inline vec vmin(vec a, vec b)
{
#ifdef X86_PREFIX
    return X86(min)(a, b);
#else
    return vselect(a < b, a, b);
#endif
}

static inline vec vadd(vec a, vec b)
{
    return a + b;
}

static inline vec vsqrt(vec x)
{
#ifdef X86_PREFIX
    return X86(sqrt)(x);
#else
    for (int j = 0; j < VL; j++)
        x[j] = CDL_IS_FLOAT ? __builtin_sqrtf(x[j]) : __builtin_sqrt(x[j]);
    return x;
#endif
}

static inline vec vabs(vec x)
{
    return (vec)((mask)x & ~(mask)splat(-0.0));
}

/* The magnitude of x with the sign of s. */
static inline vec vcopysign(vec x, vec s)
{
    mask sign = (mask)splat(-0.0);
    return (vec)(((mask)x & ~sign) | ((mask)s & sign));
}

/* ---- Bits of a number --------------------------------------------------------------------------------------------- */

/* 1.5 * 2^MANTISSA_BITS: x + ROUNDER has no room for a fraction, and its low bits are the integer nearest to x. */
#define ROUNDER (1.5 * ((int64_t)1 << MANTISSA_BITS))

/* The nearest integer (ties to even), for |x| < 2^(MANTISSA_BITS - 1). */
static inline vec vround(vec x)
{
    return (x + splat(ROUNDER)) - splat(ROUNDER);
}

/* A whole number as integer and back, same range. */
static inline ivec to_integer(vec x)
{
    return (ivec)(x + splat(ROUNDER)) - (ivec)splat(ROUNDER);
}

static inline vec to_real(ivec n)
{
    return (vec)(n + (ivec)splat(ROUNDER)) - splat(ROUNDER);
}

/* x = mantissa * 2^exponent with mantissa in [1, 2), for positive normal x. */
static inline ivec exponent_of(vec x)
{
    return (ivec)((uvec)x >> MANTISSA_BITS) - EXPONENT_BIAS;
}

static inline vec mantissa_of(vec x)
{
    ivec fraction = (ivec){0} + (((lane)1 << MANTISSA_BITS) - 1);
    return (vec)(((ivec)x & fraction) | (ivec)splat(1));
}

/* The products of the low 32 bits of each 64-bit lane, in full. */
static inline wide multiply_wide(wide a, wide b)
{
#if defined(__AVX512F__) && VEC_BYTES == 64
    return (wide)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__) && VEC_BYTES == 32
    return (wide)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE4_2__) && VEC_BYTES == 16
    return (wide)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

/* ---- Reductions over lanes ---------------------------------------------------------------------------------------- */

/* 64 bytes of partial results.  Element j of a row belongs to lane j % LANES:
 *
 *     lanes sum = lanes_of(0);
 *     for (ptrdiff_t j = 0; j < d; j += LANES)
 *         for (int p = 0; p < PARTS; p++)
 *             sum.part[p] += load_n(x + j + p * VL, d - j - p * VL);
 *     vec total = fold(sum, vadd);            in every lane
 */
typedef struct {
    vec part[PARTS];
} lanes;

static inline lanes lanes_of(double x)
{
    lanes all;
    for (int p = 0; p < PARTS; p++)
        all.part[p] = splat(x);
    return all;
}

/* One number from all lanes, by halves: lane j with j + LANES/2, then j + LANES/4, ...  `operation` commutes. */
static inline __attribute__((always_inline)) vec fold(lanes all, vec operation(vec, vec))
{
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int p = 0; p < half; p++)
            all.part[p] = operation(all.part[p], all.part[p + half]);
    vec v = all.part[0];
    for (int half = VL / 2; half > 0; half /= 2)
        v = operation(v, __builtin_shuffle(v, (iota() + half) & (VL - 1)));
    return v;
}

#endif
