/* take_rows.c - a batch of rows: out[r] = source[index[r]], whatever the rows hold. */
#include "cdl.h"
#include "parallel.h"

#include <string.h>

typedef struct {
    ptrdiff_t row_bytes;
    const char *source;
    const int64_t *index;
    char *out;
} rows_to_take;

/* With a constant row_bytes memcpy is one or two instructions. */
static inline __attribute__((always_inline)) void copy_rows(const rows_to_take *t, ptrdiff_t begin, ptrdiff_t end,
                                                            ptrdiff_t row_bytes)
{
    for (ptrdiff_t r = begin; r < end; r++)
        memcpy(t->out + r * row_bytes, t->source + t->index[r] * row_bytes, row_bytes);
}

static void take_rows_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const rows_to_take *t = arg;
    switch (t->row_bytes) {
    case 1: copy_rows(t, begin, end, 1); break;
    case 2: copy_rows(t, begin, end, 2); break;
    case 4: copy_rows(t, begin, end, 4); break;
    case 8: copy_rows(t, begin, end, 8); break;
    case 16: copy_rows(t, begin, end, 16); break;
    default: copy_rows(t, begin, end, t->row_bytes);
    }
}

void cdl_take_rows(ptrdiff_t count, ptrdiff_t row_bytes, const void *source, const int64_t *index, void *out)
{
    rows_to_take t = {row_bytes, source, index, out};
    /* Rows come from anywhere in memory: 5 bytes a nanosecond on one thread, when they are long. */
    const ptrdiff_t grain = row_bytes < 4096 ? 4096 / (row_bytes + 1) + 1 : 1;
    cdl_parallel(count, grain, count * (2 + 0.2 * row_bytes), take_rows_task, &t);
}
