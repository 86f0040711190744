/* norm.c - what all normalisations share: sums over rows, in blocks.
 *
 * Means and variances are found by the corrected two-pass method (Chan, Golub & LeVeque 1983): the first pass finds a
 * mean; the second sums d = x - mean and d^2, and what the first sum d says about the rounding of the mean corrects
 * both.
 */
#include "cdl.h"
#include "simd.h"

static inline vec per_root(vec variance, double epsilon)
{
    return splat(1) / vsqrt(variance + splat(epsilon));
}

/* Sums over rows are made of blocks of rows: each block is summed in `real` while it is in the cache, and the blocks'
 * results are added in order, in double.  So a sum over a million rows is as good as one over a block, and the same
 * bits come out of any number of threads. */
enum { BLOCK_ELEMENTS = 4096, MOST_ROWS = 128, FEWEST_ROWS = 16 };

static inline ptrdiff_t block_rows(ptrdiff_t c)
{
    const ptrdiff_t rows = BLOCK_ELEMENTS / c;
    return rows > MOST_ROWS ? MOST_ROWS : rows < FEWEST_ROWS ? FEWEST_ROWS : rows;
}

static inline ptrdiff_t blocks_of(ptrdiff_t n, ptrdiff_t c)
{
    return (n + block_rows(c) - 1) / block_rows(c);
}

static inline ptrdiff_t rows_in_block(ptrdiff_t n, ptrdiff_t c, ptrdiff_t block)
{
    return least(block_rows(c), n - block * block_rows(c));
}

/* In nanoseconds, for `passes` over an array of that size. */
static double norm_cost(ptrdiff_t n, ptrdiff_t c, double passes)
{
    return passes * (double)n * ((double)c * sizeof(real) * 0.05 + 1);
}

/* total[j] = the sum over blocks of pairs[block,which,j], j < count. */
static void add_blocks(ptrdiff_t blocks, ptrdiff_t c, const real *pairs, ptrdiff_t count, double *total)
{
    for (ptrdiff_t j = 0; j < count; j++)
        total[j] = 0;
    for (ptrdiff_t block = 0; block < blocks; block++)
        for (ptrdiff_t j = 0; j < count; j++)
            total[j] += (double)pairs[block * 2 * c + j];
}
