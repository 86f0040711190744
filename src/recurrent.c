/* recurrent.c - what recurrent layers share: the loop over steps, and its weights.
 *
 *     z_s = [x_s | h_{s-1}] [kernel; recurrent_kernel] + bias             the gates make h_s of it
 *
 * Samples know nothing of one another.  So each thread takes some through all steps and never waits for another one: strips
 * of samples, whose inputs and states lie side by side in a small buffer that stays in the cache.  The weights are packed
 * once, in panels for gemm's tile, and read by all.  All gates of a block of units are computed together, and the
 * functions are applied while the sums are in the first-level cache.
 *
 * Each kind of layer has a file of its own, with the arithmetic of one step.  The way back: recurrent_back.c.
 */

enum {
    STRIP = 72,                         /* samples */
    FEW_ROWS_IN_ALL = 16,               /* samples times steps, for which packing the weights does not pay */
    AHEAD = 32,                         /* steps of a single sample, at most, whose inputs are multiplied together */
};

/* ---- Weights ------------------------------------------------------------------------------------------------------ */

/* [kernel; recurrent_kernel] of some gates: (i + u) x (gates u). */
typedef struct {
    ptrdiff_t i, u, gates;
    const real *kernel, *recurrent_kernel;
    ptrdiff_t in_place;                 /* so many units of each gate are read where they are; the panels have the others */
    real *packed;                       /* [gates][panels][i + u][NR] */
} stack;

static inline ptrdiff_t panels_of(ptrdiff_t size)
{
    return (size + NR - 1) / NR;
}

static inline ptrdiff_t stack_panels(const stack *w)
{
    return panels_of(w->u - w->in_place);
}

static size_t stack_bytes(const stack *w)
{
    return sizeof(real) * NR * (size_t)(w->gates * stack_panels(w) * (w->i + w->u));
}

static void stack_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const stack *w = arg;
    const ptrdiff_t panels = stack_panels(w), row = w->gates * w->u;
    for (ptrdiff_t item = begin; item < end; item++) {
        const ptrdiff_t j = w->in_place + item % panels * NR, columns = least(NR, w->u - j), at = item / panels * w->u + j;
        real *to = w->packed + item * (w->i + w->u) * NR;
        pack_panel(w->i, columns, (cdl_matrix){w->kernel, row, 1}, w->kernel + at, to);
        pack_panel(w->u, columns, (cdl_matrix){w->recurrent_kernel, row, 1}, w->recurrent_kernel + at, to + w->i * NR);
    }
}

/* A single sample uses each weight once in a step: as a product with a single row. */
static inline int by_rows(const stack *w, ptrdiff_t rows)
{
    return rows == 1 && w->in_place > 0;
}

/* The units that are computed together, from j on. */
static inline ptrdiff_t block_width(const stack *w, ptrdiff_t rows, ptrdiff_t j)
{
    if (by_rows(w, rows))
        return round_up(w->u, NR);
    return w->u - j <= VL ? VL : NR;
}

/* Terms [from, to) of the sums  z[gates][rows][width] = start[gates][U] + a w  for the units from j on of some gates, with
 * a[rows] = [x | h]. */
typedef struct {
    ptrdiff_t gate, gates, j, width, from, to;
    const real *start;                  /* NULL: begin with what is in z */
    ptrdiff_t rows, a_row, z_row, z_gate;
    const real *a;
    real *z;
} terms;

/* Of a single sample, all units. */
static void add_terms_by_rows(const stack *w, terms t)
{
    const ptrdiff_t i = w->i, u = w->u, b_row = w->gates * u, x_terms = most(0, least(t.to, i) - t.from);
    const ptrdiff_t h_from = most(t.from, i), h_terms = most(0, t.to - h_from);
    /* If units fill whole registers, the gates lie side by side in z as in the weights. */
    const ptrdiff_t joined = t.z_gate == u ? t.gates : 1;
    for (ptrdiff_t gate = 0; gate < t.gates; gate += joined) {
        real *z = t.z + gate * t.z_gate;
        const ptrdiff_t column = (t.gate + gate) * u;
        if (t.start)
            memcpy(z, t.start + gate * t.width, sizeof(real) * (size_t)(joined * t.width));
        add_rows_of_b(x_terms, t.a + t.from, 1, w->kernel + t.from * b_row + column, b_row, joined * u, z);
        add_rows_of_b(h_terms, t.a + h_from, 1, w->recurrent_kernel + (h_from - i) * b_row + column, b_row, joined * u, z);
    }
}

static void add_terms_by_panels(const stack *w, terms t)
{
    const ptrdiff_t zero = 0, U = round_up(w->u, NR);
    const axis a_rows = {1, t.rows, t.a_row, &zero}, z_rows = {1, t.rows, t.z_row, &zero};
    for (ptrdiff_t gate = t.gate; gate < t.gate + t.gates; gate++, t.z += t.z_gate, t.start += t.start ? U : 0) {
        tile_job job = {.k = {1, t.to - t.from, 1, &zero}, .b_step = NR, .continued = t.start == NULL, .bias = t.start,
                        .floor = -__builtin_inf()};
        if (t.j >= w->in_place) {
            const ptrdiff_t panel = gate * stack_panels(w) + (t.j - w->in_place) / NR;
            job.b = w->packed + (panel * (w->i + w->u) + t.from) * NR;
            run_panel(t.a + t.from, a_rows, 0, t.z, z_rows, t.width, CDL_LINEAR, job);
            continue;
        }
        const real *matrix[2] = {w->kernel, w->recurrent_kernel};
        const ptrdiff_t top[3] = {0, w->i, w->i + w->u};
        job.b_step = w->gates * w->u;
        for (int m = 0; m < 2; m++) {
            const ptrdiff_t from = most(t.from, top[m]), to = least(t.to, top[m + 1]);
            if (from >= to && (m == 0 || job.continued))
                continue;
            job.k.length = most(0, to - from);
            job.b = matrix[m] + (from - top[m]) * job.b_step + gate * w->u + t.j;
            run_panel(t.a + from, a_rows, 0, t.z, z_rows, t.width, CDL_LINEAR, job);
            job.continued = 1;
        }
    }
}

/* ---- The loop ----------------------------------------------------------------------------------------------------- */

/* The samples that a thread has in hand.  U: u, rounded up to whole panels. */
typedef struct {
    ptrdiff_t first, rows, step;
    ptrdiff_t row, U;                   /* row = i + U */
    real *now, *next;                   /* [rows][x_s | h_{s-1}], [rows][ - | h_s] */
    real *more;                         /* [rows][row], for the cell */
    real *state;                        /* [rows][U], for the cell */
    real *z;                            /* [5][rows][width] for each block of units, if they are needed together */
    ptrdiff_t z_step;                   /* from unit to unit: 5 rows, or 0 */
    real *bias;                         /* [4][U], with zeros beyond u */
    ptrdiff_t steps_ahead;
    real *ahead;                        /* [steps_ahead][4][U]: the same, and all terms of x; NULL if that is not done */
    const real *start;                  /* [4][U]: what the sums of this step begin with, one of these two */
    ptrdiff_t from, to;                 /* the terms that they lack: all, or not those of x, or not those of zeros in h */
} strip;

typedef struct recurrence {
    cdl_sequence q;
    stack w;
    void (*step)(const struct recurrence *, strip *);
    const real *bias[4][2];             /* what the cell's sums begin with: two rows of u, either may be NULL */
    const real *state0;                 /* [n][u], or NULL: the first and the last state besides h */
    real *last_state;
    real *h, *kept;                     /* kept: [t][parts][n][u], or NULL: the sums of z, then the state, then h */
    ptrdiff_t sums;
    int together;                       /* the cell needs the parts of all blocks together */
    cdl_function f;
    int reset_after;
    int status;
} recurrence;

/* Whether a sample takes part in a step. */
static inline int present(const cdl_sequence *q, ptrdiff_t sample, ptrdiff_t step)
{
    return q->mask == NULL || q->mask[sample * q->t + step];
}

/* to[count][size] = from[count][size], of which only whole rows lie dense. */
static void copy_rows(ptrdiff_t count, ptrdiff_t size, const real *from, ptrdiff_t from_row, real *to, ptrdiff_t to_row)
{
    for (ptrdiff_t r = 0; r < count; r++)
        for (ptrdiff_t j = 0; j < size; j += VL)
            store_n(to + r * to_row + j, size - j, load_n(from + r * from_row + j, size - j));
}

static int all_zeros(ptrdiff_t size, const real *x)
{
    mask other = {0};
    for (ptrdiff_t j = 0; j < size; j += VL)
        other |= load_n(x + j, size - j) != splat(0);
    return first_lane(other) == VL;
}

/* x_s of the samples.  Those of the next step are asked for: they lie where the processor does not expect them, and from
 * main memory they would take a twentieth of the time of a step. */
static void take_inputs(const cdl_sequence *q, const strip *s)
{
    const ptrdiff_t i = q->i, sample = q->t * i;
    const real *x = (const real *)q->x + s->first * sample + s->step * i;
    copy_rows(s->rows, i, x, sample, s->now, s->row);
    for (ptrdiff_t r = 0; r < s->rows && s->step + 1 < q->t; r++)
        for (ptrdiff_t j = i; j < 2 * i; j += LANES)
            __builtin_prefetch(x + r * sample + j);
}

/* The five parts [rows][width] of a block: the sums of four gates, which become the gates, and one more for the cell. */
static inline real *parts_of(const strip *s, ptrdiff_t j)
{
    return s->z + j * s->z_step;
}

/* The terms of some gates for the parts of a block from `part` on, which begin with `start`, or go on if `continued`.
 * a: rows [x | h], as in s->now. */
typedef struct {
    ptrdiff_t part, gate, gates, from, to;
    int continued;
} gate_terms;

static void add_terms(const recurrence *r, const strip *s, ptrdiff_t j, ptrdiff_t width, const real *a, gate_terms t)
{
    const ptrdiff_t size = s->rows * width;
    (by_rows(&r->w, s->rows) ? add_terms_by_rows : add_terms_by_panels)(&r->w, (terms){
        t.gate, t.gates, j, width, t.from, t.to, t.continued ? NULL : s->start + t.part * s->U + j,
        s->rows, s->row, width, size, a, parts_of(s, j) + t.part * size});
}

/* kept = the sums of all blocks, the state and h of this step: row by row, as they lie there. */
static void keep(const recurrence *r, const strip *s)
{
    const ptrdiff_t n = r->q.n, u = r->q.u, parts = r->sums + (r->last_state != NULL) + 1;
    real *kept = r->kept + (s->step * parts * n + s->first) * u;
    for (ptrdiff_t part = 0; part < r->sums; part++, kept += n * u)
        for (ptrdiff_t row = 0; row < s->rows; row++)
            for (ptrdiff_t j = 0, width; j < u; j += width) {
                width = block_width(&r->w, s->rows, j);
                const real *from = parts_of(s, j) + (part * s->rows + row) * width;
                for (ptrdiff_t v = 0; v < width; v += VL)
                    store_n(kept + row * u + j + v, u - j - v, load(from + v));
            }
    if (r->last_state) {
        copy_rows(s->rows, u, s->state, s->U, kept, u);
        kept += n * u;
    }
    copy_rows(s->rows, u, s->next + r->q.i, s->row, kept, u);
}

/* The terms of x for the next steps: a single sample could otherwise not use a weight twice. */
static void look_ahead(const recurrence *r, const strip *s)
{
    const cdl_sequence *q = &r->q;
    const ptrdiff_t steps = least(s->steps_ahead, q->t - s->step), row = 4 * s->U;
    const real *x = (const real *)q->x + (s->first * q->t + s->step) * q->i;
    for (ptrdiff_t step = 0; step < steps; step++)
        copy_rows(1, row, s->bias, 0, s->ahead + step * row, 0);
    for (ptrdiff_t j = 0; j < q->u; j += NR) {
        const ptrdiff_t width = q->u - j <= VL ? VL : NR;
        add_terms_by_panels(&r->w, (terms){
            0, r->w.gates, j, width, 0, q->i, NULL, steps, q->i, row, s->U, x, s->ahead + j});
    }
}

static void steps_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    recurrence *r = arg;
    const cdl_sequence *q = &r->q;
    const ptrdiff_t i = q->i, u = q->u, U = round_up(u, NR), row = i + U, rows = even_part(end - begin, STRIP);
    const int together = r->together || (r->kept && r->sums), fresh = all_zeros(q->n * u, q->h0);
    const ptrdiff_t z_size = 5 * (together || by_rows(&r->w, rows) ? rows * U : rows * NR);
    const ptrdiff_t steps_ahead = q->n == 1 && q->t > 1 ? even_part(q->t, AHEAD) : 0, ahead_size = steps_ahead * 4 * U;
    const ptrdiff_t size = 3 * rows * row + rows * U + z_size + 4 * U + ahead_size;
    real *room = cdl_workspace(sizeof(real) * (size_t)size);
    if (room == NULL) {
        __atomic_store_n(&r->status, -1, __ATOMIC_RELAXED);
        return;
    }
    memset(room, 0, sizeof(real) * (size_t)size);
    strip s = {.row = row, .U = U, .z = room, .bias = room + z_size, .state = room + z_size + 4 * U,
               .steps_ahead = steps_ahead};
    s.now = s.state + rows * U;
    s.next = s.now + rows * row;
    s.more = s.next + rows * row;
    s.ahead = ahead_size ? s.more + rows * row : NULL;
    for (int gate = 0; gate < 4; gate++)
        for (int part = 0; part < 2; part++)
            for (ptrdiff_t j = 0; r->bias[gate][part] && j < u; j++)
                s.bias[gate * U + j] += r->bias[gate][part][j];

    for (s.first = begin; s.first < end; s.first += s.rows) {
        s.rows = least(rows, end - s.first);
        s.z_step = together ? 5 * s.rows : 0;
        copy_rows(s.rows, u, (const real *)q->h0 + s.first * u, u, s.now + i, row);
        if (r->state0)
            copy_rows(s.rows, u, r->state0 + s.first * u, u, s.state, U);
        for (s.step = 0; s.step < q->t; s.step++) {
            take_inputs(q, &s);
            s.start = s.bias, s.from = 0, s.to = fresh && s.step == 0 ? i : i + u;
            if (s.ahead) {
                if (s.step % steps_ahead == 0)
                    look_ahead(r, &s);
                s.start = s.ahead + s.step % steps_ahead * 4 * U, s.from = i;
            }
            r->step(r, &s);
            if (r->kept)
                keep(r, &s);
            if (q->every_step)
                copy_rows(s.rows, u, s.next + i, row, r->h + (s.first * q->t + s.step) * u, q->t * u);
            real *now = s.now;
            s.now = s.next;
            s.next = now;
        }
        if (!q->every_step)
            copy_rows(s.rows, u, s.now + i, row, r->h + s.first * u, u);
        if (r->last_state)
            copy_rows(s.rows, u, s.state, U, r->last_state + s.first * u, u);
    }
}

/* Nanoseconds on one thread for the products of all steps. */
static double recurrent_cost(const cdl_sequence *q, ptrdiff_t gates)
{
    return (double)q->n * q->t * (q->i + q->u) * gates * (q->u + VL - 1) / (6 * VL);
}

static int run_recurrence(recurrence *r, ptrdiff_t gates)
{
    const cdl_sequence *q = &r->q;
    if (q->n * q->u == 0)
        return 0;
    const int few = q->n == 1 || q->n * q->t <= FEW_ROWS_IN_ALL;
    r->w = (stack){q->i, q->u, gates, q->kernel, q->recurrent_kernel, few ? q->u / NR * NR : 0, NULL};
    const size_t bytes = stack_bytes(&r->w);
    if ((r->w.packed = cdl_take(bytes)) == NULL)
        return -1;
    cdl_parallel(gates * stack_panels(&r->w), 1, bytes / 8., stack_task, &r->w);
    cdl_parallel(q->n, 1, recurrent_cost(q, gates), steps_task, r);
    cdl_release(r->w.packed, bytes);
    return r->status;
}
