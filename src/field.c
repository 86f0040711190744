/* field.c - gradients that are computed where they are needed, a cache full at a time. */

/* An array x, or x * f'(y) if f is not linear. */
typedef struct {
    const real *x, *y;
    cdl_function f;
} field;

/* Elements [begin, end): in place, or computed into `room`. */
static const real *values(field x, ptrdiff_t begin, ptrdiff_t end, real *room)
{
    if (x.f == CDL_LINEAR)
        return x.x + begin;
    activation_job job = {{x.f, {0}}, x.y + begin, x.y + begin, x.x + begin, room};
    activation_task(&job, 0, end - begin);
    return room;
}

/* total[o] += the sum of rows[count][o] */
static void add_rows(ptrdiff_t count, ptrdiff_t o, const real *rows, real *total)
{
    for (ptrdiff_t j = 0; j < o; j += VL) {
        const ptrdiff_t left = o - j;
        vec sum[4] = {splat(0), splat(0), splat(0), splat(0)};
        ptrdiff_t r = 0;
        for (; r + 4 <= count; r += 4)
            for (int s = 0; s < 4; s++)
                sum[s] += load_n(rows + (r + s) * o + j, left);
        for (; r < count; r++)
            sum[0] += load_n(rows + r * o + j, left);
        store_n(total + j, left, load_n(total + j, left) + ((sum[0] + sum[1]) + (sum[2] + sum[3])));
    }
}
