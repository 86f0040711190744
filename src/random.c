/* random.c - counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", 2011).
 *
 * Element j is a function of (seed, stream, j): any thread draws any part.  A group is 64 words, from 16 neighbouring
 * blocks of the generator: their sixteen first words, their sixteen second words, and so on.
 */
#include <string.h>

enum {
    GROUP_WORDS = 64,
    BLOCKS = 16,                                        /* of a group; also the words of one kind */
    WORDS = sizeof(real) / 4,                           /* words in a uniform number: 1 or 2 */
    GROUP = GROUP_WORDS / WORDS,                        /* uniform numbers in a group: 64 or 32 */
};

typedef uint32_t half_words __attribute__((vector_size(VL * 4)));

/* The words of one group.  A register holds every other block, in 64-bit lanes whose upper halves are junk: a product reads
 * only the lower ones.  So two registers interleave into neighbouring blocks with a shift. */
static inline void philox(uint64_t seed, uint64_t stream, ptrdiff_t group, uint32_t words[GROUP_WORDS])
{
    enum { WIDE_LANES = VEC_BYTES / 8 };
    static const uint64_t even[] = {0, 2, 4, 6, 8, 10, 12, 14};
    const wide low = (wide){0} + 0xffffffff;
    for (int at = 0; at < BLOCKS; at += 2 * WIDE_LANES) {
        wide c[2][4];
        for (int odd = 0; odd < 2; odd++) {
            memcpy(&c[odd][0], even, sizeof c[odd][0]);
            c[odd][0] += (uint64_t)group * BLOCKS + at + odd;
            c[odd][1] = c[odd][0] >> 32;
            c[odd][2] = (wide){0} + stream;
            c[odd][3] = (wide){0} + (stream >> 32);
        }
        wide key_0 = (wide){0} + seed, key_1 = (wide){0} + (seed >> 32);
        for (int round = 0; round < 10; round++) {
            for (int odd = 0; odd < 2; odd++) {
                wide a = multiply_wide(c[odd][0], (wide){0} + 0xD2511F53);
                wide b = multiply_wide(c[odd][2], (wide){0} + 0xCD9E8D57);
                c[odd][0] = (b >> 32) ^ c[odd][1] ^ key_0;
                c[odd][1] = b;
                c[odd][2] = (a >> 32) ^ c[odd][3] ^ key_1;
                c[odd][3] = a;
            }
            key_0 += 0x9E3779B9;
            key_1 += 0xBB67AE85;
        }
        for (int word = 0; word < 4; word++) {
            wide pair = (c[0][word] & low) | (c[1][word] << 32);
            memcpy(words + word * BLOCKS + at, &pair, sizeof pair);
        }
    }
}

/* VL words, one to a lane. */
static inline uvec load_words(const uint32_t *words)
{
    half_words w;
    memcpy(&w, words, sizeof w);
    return __builtin_convertvector(w, uvec);
}

/* VL numbers in [0, 1) from number j of a group on: 24 bits of a word, or 27 and 26 bits of two words. */
static inline vec unit_interval(const uint32_t *words, int j)
{
    const uint32_t *high = words + j / BLOCKS * BLOCKS * WORDS + j % BLOCKS;
#ifdef CDL_DOUBLE
    ivec upper = (ivec)(load_words(high) >> 5), lower = (ivec)(load_words(high + BLOCKS) >> 6);
    return to_real(upper) * splat(0x1p-27) + to_real(lower) * splat(0x1p-53);
#else
    return __builtin_convertvector((ivec)(load_words(high) >> 8), vec) * splat(0x1p-24);
#endif
}

typedef struct {
    uint64_t seed, stream;
    double scale, offset, rate;
    const real *x;
    real *y;
} draw;

/* ---- Uniform ------------------------------------------------------------------------------------------------------ */

static void uniform_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const draw *d = arg;
    uint32_t words[GROUP_WORDS];
    for (ptrdiff_t at = begin; at < end; at += GROUP) {
        philox(d->seed, d->stream, at / GROUP, words);
        for (int j = 0; j < GROUP; j += VL)
            store_n(d->y + at + j, end - at - j, splat(d->offset) + splat(d->scale) * unit_interval(words, j));
    }
}

static void random_uniform(uint64_t seed, uint64_t stream, ptrdiff_t size, double low, double high, void *y)
{
    draw d = {.seed = seed, .stream = stream, .scale = high - low, .offset = low, .y = y};
    cdl_parallel(size, GROUP, size * 0.5 * WORDS, uniform_task, &d);
}

/* ---- Normal ------------------------------------------------------------------------------------------------------- */

/* cos(2 pi u) and sin(2 pi u) for 0 <= u < 1: Taylor's series in the nearest quarter turn, |angle| <= pi/4, whose first
 * missing terms are far below the last place; the quarter then swaps them and sets the signs. */
static inline vec cos_sin(vec u, vec *sine)
{
#ifdef CDL_DOUBLE
    enum { LAST = 17 };
#else
    enum { LAST = 9 };
#endif
    static const double inverse_factorial[] = {
        1, 1, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320, 1. / 362880, 1. / 3628800, 1. / 39916800,
        1. / 479001600, 1. / 6227020800, 1. / 87178291200, 1. / 1307674368000, 1. / 20922789888000, 1. / 355687428096000,
        1. / 6402373705728000};
    vec quarter = vround(u * splat(4));
    ivec turn = to_integer(quarter);
    vec angle = vfma(quarter, splat(-0.25), u) * splat(6.283185307179586), square = angle * angle;
    vec s = splat(inverse_factorial[LAST]), c = splat(inverse_factorial[LAST + 1]);
    for (int k = LAST - 2; k >= 1; k -= 2) {
        s = vfma(-s, square, splat(inverse_factorial[k]));
        c = vfma(-c, square, splat(inverse_factorial[k + 1]));
    }
    s *= angle;
    c = vfma(-c, square, splat(1));
    mask swap = (turn & 1) != 0;
    ivec sign = (ivec)splat(-0.0);
    *sine = (vec)((ivec)vselect(swap, c, s) ^ (((turn & 2) != 0) & sign));
    return (vec)((ivec)vselect(swap, s, c) ^ ((((turn + 1) & 2) != 0) & sign));
}

/* Box & Muller: of each 32 uniform numbers, sixteen u and sixteen v, sqrt(-2 log u) cos(2 pi v) and ... sin(2 pi v). */
static void normal_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const draw *d = arg;
    uint32_t words[GROUP_WORDS];
    for (ptrdiff_t at = begin; at < end; at += GROUP) {
        philox(d->seed, d->stream, at / GROUP, words);
        for (int pair = 0; pair < GROUP; pair += 2 * BLOCKS)
            for (int j = pair; j < pair + BLOCKS; j += VL) {
                vec u = unit_interval(words, j) + splat(CDL_IS_FLOAT ? 0x1p-24 : 0x1p-53);      /* in (0, 1] */
                vec radius = splat(d->scale) * vsqrt(splat(-2) * vlog(u)), sine;
                vec cosine = cos_sin(unit_interval(words, j + BLOCKS), &sine);
                store_n(d->y + at + j, end - at - j, vfma(radius, cosine, splat(d->offset)));
                store_n(d->y + at + j + BLOCKS, end - at - j - BLOCKS, vfma(radius, sine, splat(d->offset)));
            }
    }
}

static void random_normal(uint64_t seed, uint64_t stream, ptrdiff_t size, double mean, double deviation, void *y)
{
    draw d = {.seed = seed, .stream = stream, .scale = deviation, .offset = mean, .y = y};
    cdl_parallel(size, GROUP, size * 1.5 * WORDS, normal_task, &d);
}

/* ---- Dropout ------------------------------------------------------------------------------------------------------ */

/* One word to an element, so that both types have the same mask. */
static void dropout_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const draw *d = arg;
    const uvec threshold = (uvec){0} + (ulane)(uint64_t)(d->rate * 0x1p32);
    uint32_t words[GROUP_WORDS];
    for (ptrdiff_t at = begin; at < end; at += GROUP_WORDS) {
        philox(d->seed, d->stream, at / GROUP_WORDS, words);
        for (int j = 0; j < GROUP_WORDS; j += VL) {
            vec x = load_n(d->x + at + j, end - at - j);
            mask dropped = load_words(words + j) < threshold;
            store_n(d->y + at + j, end - at - j, vselect(dropped, splat(0), x * splat(d->scale)));
        }
    }
}

static void dropout(uint64_t seed, uint64_t stream, ptrdiff_t size, double rate, const void *x, void *y)
{
    draw d = {.seed = seed, .stream = stream, .scale = 1 / (1 - rate), .rate = rate, .x = x, .y = y};
    cdl_parallel(size, GROUP_WORDS, size * 0.6, dropout_task, &d);
}
