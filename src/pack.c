/* pack.c - what the tile reads again and again, laid so that it lies well in the caches: b in panels, a in tiles. */

enum { WAYS = 8, WAY = 4096 };          /* of the first-level data cache: bytes */

/* v[r][c] becomes v[c][r]: blocks of 1, 2, 4, ... change places across the diagonal. */
static inline __attribute__((always_inline)) void transpose(vec v[VL])
{
#pragma GCC unroll 4
    for (int size = 1; size < VL; size *= 2)
#pragma GCC unroll 16
        for (int r = 0; r < VL; r++)
            if (!(r & size)) {
                vec upper = v[r], lower = v[r + size];
                ivec even = {0}, odd = {0};
                for (int j = 0; j < VL; j++) {
                    even[j] = j & size ? VL + j - size : j;
                    odd[j] = j & size ? VL + j : j + size;
                }
                v[r] = __builtin_shuffle(upper, lower, even);
                v[r + size] = __builtin_shuffle(upper, lower, odd);
            }
}

/* panel[k][NR] = b[k][columns], and zeros. */
static void pack_panel(ptrdiff_t k, ptrdiff_t columns, cdl_matrix matrix, const real *b, real *panel)
{
    if (matrix.column == 1) {
        for (ptrdiff_t p = 0; p < k; p++) {
            store(panel + p * NR, load_n(b + p * matrix.row, columns));
            store(panel + p * NR + VL, load_n(b + p * matrix.row + VL, columns - VL));
        }
        return;
    }
    for (ptrdiff_t j = 0; j < NR; j += VL)
        for (ptrdiff_t p = 0; p < k; p += VL) {
            vec v[VL];
            const real *corner = b + j * matrix.column + p;
            if (j + VL <= columns && p + VL <= k) {
#pragma GCC unroll 16
                for (int r = 0; r < VL; r++)
                    v[r] = load(corner + r * matrix.column);
                transpose(v);
#pragma GCC unroll 16
                for (int r = 0; r < VL; r++)
                    store(panel + (p + r) * NR + j, v[r]);
            } else {
                for (int r = 0; r < VL; r++)
                    v[r] = j + r < columns ? load_n(corner + r * matrix.column, k - p) : splat(0);
                transpose(v);
                for (int r = 0; r < least(VL, k - p); r++)
                    store(panel + (p + r) * NR + j, v[r]);
            }
        }
}

/* Rows in tiles, which differ by one row at most: 32 rows are 6 6 5 5 5 5. */
typedef struct {
    ptrdiff_t count, low, higher;       /* tiles; rows of a tile; so many tiles, the first ones, have one row more */
} tiling;

static inline tiling tiles_of(ptrdiff_t rows, ptrdiff_t most)
{
    const ptrdiff_t count = (rows + most - 1) / most, low = count > 0 ? rows / count : 0;
    return (tiling){count, low, rows - low * count};
}

/* block[t][k + 1][MR] = tile t of a transposed a, whose elements of a column are neighbours, and room for what is written
 * beyond its last row.  Some columns at a time, from which the tiles take turns. */
static void pack_rows(ptrdiff_t rows, ptrdiff_t k, const real *a, ptrdiff_t a_step, real *block)
{
    enum { COLUMNS = 8 };
    const tiling tiles = tiles_of(rows, MR);
    for (ptrdiff_t first = 0, last; first < k; first = last) {
        last = least(first + COLUMNS, k);
        for (ptrdiff_t t = 0, begin = 0; t < tiles.count; begin += tiles.low + (t < tiles.higher), t++) {
            const real *from = a + first * a_step + begin;
            real *to = block + (t * (k + 1) + first) * MR;
            for (ptrdiff_t p = first; p < last; p++, from += a_step, to += MR) {
                __builtin_prefetch(from + COLUMNS * a_step);
                for (ptrdiff_t r = 0; r < MR; r += VL)
                    store(to + r, load_n(from + r, rows - begin - r));
            }
        }
    }
}

/* Whether k cache lines that are `step` elements apart push one another out of the first-level cache.  Only the sets at
 * multiples of the largest power of two in the distance are used. */
static int collide(ptrdiff_t k, ptrdiff_t step)
{
    const ptrdiff_t bytes = step * (ptrdiff_t)sizeof(real), apart = bytes & -bytes;
    return bytes >= 64 && k > WAYS * (WAY / (apart < 64 ? 64 : apart > WAY ? WAY : apart));
}
