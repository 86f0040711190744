/* gemv.c - a product with a single row,  c += a b.
 *
 * A row of c uses each number of b once, and is as fast as these come from the second-level cache: 96 bytes a nanosecond
 * in the order in which they lie there, and 70 in strips of 64 columns, whose sums would stay in registers (128 x 512,
 * Zen 3).  So rows of b are added to the sums, some at once; every sum is one chain in the order of k, as in gemm.c.
 */

enum { AT_ONCE = 8 };

/* A few rows of b in one pass over c. */
static inline __attribute__((always_inline)) void add_at_once(const int count, const real *a, ptrdiff_t a_step,
                                                              const real *b, ptrdiff_t b_row, ptrdiff_t columns, real *c)
{
    vec factor[AT_ONCE];
    for (int k = 0; k < count; k++)
        factor[k] = splat(a[k * a_step]);
    ptrdiff_t j = 0;
    for (; j + VL <= columns; j += VL) {
        vec sum = load(c + j);
        for (int k = 0; k < count; k++)
            sum = vfma(factor[k], load(b + k * b_row + j), sum);
        store(c + j, sum);
    }
    if (j < columns) {
        vec sum = load_n(c + j, columns - j);
        for (int k = 0; k < count; k++)
            sum = vfma(factor[k], load_n(b + k * b_row + j, columns - j), sum);
        store_n(c + j, columns - j, sum);
    }
}

/* c[columns] += a[count] b[count][columns] */
static void add_rows_of_b(ptrdiff_t count, const real *a, ptrdiff_t a_step, const real *b, ptrdiff_t b_row,
                          ptrdiff_t columns, real *c)
{
    for (; count >= AT_ONCE; count -= AT_ONCE, a += AT_ONCE * a_step, b += AT_ONCE * b_row)
        add_at_once(AT_ONCE, a, a_step, b, b_row, columns, c);
    for (; count > 0; count--, a += a_step, b += b_row)
        add_at_once(1, a, a_step, b, b_row, columns, c);
}
