/* move_rows.c - rows from and to anywhere, whatever they hold, and the order in which rows of one index come together. */
#include "cdl.h"
#include "parallel.h"

#include <string.h>

enum { CACHE_LINE = 64, LONG_ROW = 256 };     /* bytes */

typedef struct {
    ptrdiff_t row_bytes;
    const char *from;
    const int64_t *index;
    char *to;
} rows_to_move;

/* With a constant row_bytes memcpy is one or two instructions. */
static inline __attribute__((always_inline)) void move_rows(const rows_to_move *m, ptrdiff_t begin, ptrdiff_t end,
                                                            ptrdiff_t row_bytes, int put)
{
    for (ptrdiff_t r = begin; r < end; r++) {
        const ptrdiff_t there = m->index[r] * row_bytes, here = r * row_bytes;
        if (!put && row_bytes >= LONG_ROW && r + 1 < end)       /* the next one is on its way meanwhile */
            for (ptrdiff_t byte = 0; byte < row_bytes; byte += CACHE_LINE)
                __builtin_prefetch(m->from + m->index[r + 1] * row_bytes + byte);
        memcpy(m->to + (put ? there : here), m->from + (put ? here : there), row_bytes);
    }
}

static void take_rows_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const rows_to_move *m = arg;
    switch (m->row_bytes) {
    case 1: move_rows(m, begin, end, 1, 0); break;
    case 2: move_rows(m, begin, end, 2, 0); break;
    case 4: move_rows(m, begin, end, 4, 0); break;
    case 8: move_rows(m, begin, end, 8, 0); break;
    case 16: move_rows(m, begin, end, 16, 0); break;
    default: move_rows(m, begin, end, m->row_bytes, 0);
    }
}

static void put_rows_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const rows_to_move *m = arg;
    move_rows(m, begin, end, m->row_bytes, 1);
}

/* Rows come from or go to anywhere in memory: 5 bytes a nanosecond on one thread, when they are long. */
static void move(ptrdiff_t count, rows_to_move m, cdl_task *task)
{
    const ptrdiff_t grain = m.row_bytes < 4096 ? 4096 / (m.row_bytes + 1) + 1 : 1;
    cdl_parallel(count, grain, count * (2 + 0.2 * m.row_bytes), task, &m);
}

void cdl_take_rows(ptrdiff_t count, ptrdiff_t row_bytes, const void *source, const int64_t *index, void *out)
{
    move(count, (rows_to_move){row_bytes, source, index, out}, take_rows_task);
}

void cdl_put_rows(ptrdiff_t count, ptrdiff_t row_bytes, const void *rows, const int64_t *index, void *target)
{
    move(count, (rows_to_move){row_bytes, rows, index, target}, put_rows_task);
}

/* A radix sort, least digit first, of (index, position) in one integer each: positions of one index stay in order. */
ptrdiff_t cdl_group_rows(ptrdiff_t count, const int64_t *index, int64_t *order, int64_t *start, int64_t *used)
{
    enum { POSITION = 32, DIGIT = 11 };
    const size_t bytes = 2 * (size_t)count * sizeof(uint64_t);
    uint64_t *keys = cdl_take(bytes);
    if (!keys)
        return -1;
    uint64_t *sorted = keys, *other = keys + count, all = 0;
    for (ptrdiff_t r = 0; r < count; r++) {
        all |= (uint64_t)index[r];
        sorted[r] = (uint64_t)index[r] << POSITION | (uint64_t)r;
    }
    const int bits = all ? 64 - __builtin_clzll(all) : 0, passes = (bits + DIGIT - 1) / DIGIT;
    const int width = passes ? (bits + passes - 1) / passes : 0;
    for (int pass = 0; pass < passes; pass++) {
        const int shift = POSITION + pass * width;
        const uint64_t digit = ((uint64_t)1 << width) - 1;
        uint32_t place[1 << DIGIT] = {0}, next = 0;
        for (ptrdiff_t r = 0; r < count; r++)
            place[sorted[r] >> shift & digit]++;
        for (uint64_t value = 0; value <= digit; value++) {
            const uint32_t begin = next;
            next += place[value];
            place[value] = begin;
        }
        for (ptrdiff_t r = 0; r < count; r++)
            other[place[sorted[r] >> shift & digit]++] = sorted[r];
        uint64_t *const swap = sorted;
        sorted = other;
        other = swap;
    }
    ptrdiff_t groups = 0;
    for (ptrdiff_t r = 0; r < count; r++) {
        const int64_t row = (int64_t)(sorted[r] >> POSITION);
        order[r] = (int64_t)(sorted[r] & UINT32_MAX);
        if (groups == 0 || used[groups - 1] != row) {
            start[groups] = r;
            used[groups++] = row;
        }
    }
    start[groups] = count;
    cdl_release(keys, bytes);
    return groups;
}
