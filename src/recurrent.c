/* recurrent.c - what recurrent layers share: the loops over steps, the weights, and their gradients.
 *
 *     forward     z_s = [x_s | h_{s-1}] [kernel; recurrent_kernel] + bias          the gates make h_s of it
 *     back        dz_s from dh_s;    [dx_s | dh_{s-1}] = dz_s [kernel; recurrent_kernel]'
 *     then        dkernel = x' dz,   drecurrent_kernel = h_before' dz,             one product for all steps
 *
 * Samples know nothing of one another.  So each thread takes some through all steps and never waits for another one: strips
 * of samples, whose inputs and states lie side by side in a small buffer that stays in the cache.  The weights are packed
 * once, in panels for gemm's tile, and read by all.  All gates of a block of units are computed together, and the
 * functions are applied while the sums are in the first-level cache.
 *
 * On the way back, dz is also written as the panels that the last products read.
 *
 * Each kind of layer has a file of its own, with the arithmetic of one step.
 */

enum {
    STRIP = 48,                         /* samples */
    FEW_ROWS_IN_ALL = 16,               /* samples times steps, for which packing the weights does not pay */
    SUM_DEPTH = 256,                    /* steps of all samples that are summed together for the gradients of weights */
    MOST_FACTOR_ROWS = 384,             /* of a copied factor */
    LONG = 8 * VL,                      /* the columns of run_row */
};

/* ---- Forward: weights --------------------------------------------------------------------------------------------- */

/* [kernel; recurrent_kernel] of some gates: (i + u) x (gates u). */
typedef struct {
    ptrdiff_t i, u, gates;
    const real *kernel, *recurrent_kernel;
    ptrdiff_t in_place;                 /* so many units of each gate are read where they are; the panels have the others */
    real *packed;                       /* [gates][panels][i + u][NR] */
} stack;

static inline ptrdiff_t whole_panels(ptrdiff_t size)
{
    return (size + NR - 1) / NR * NR;
}

static inline ptrdiff_t stack_panels(const stack *w)
{
    return (w->u - w->in_place + NR - 1) / NR;
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

/* The units that are computed together, from j on. */
static inline ptrdiff_t block_width(const stack *w, ptrdiff_t rows, ptrdiff_t j)
{
    if (rows == 1 && w->in_place - j >= LONG)
        return LONG;
    return w->u - j <= VL ? VL : NR;
}

/* Terms [from, to) of the sums  z[rows][width] = bias + [x | h] w  for the units from j on of a gate. */
typedef struct {
    ptrdiff_t gate, j, width, from, to;
    const real *bias;
    int continued;                      /* begin with what is in z, not with the bias */
} term;

static void add_terms(const stack *w, term t, ptrdiff_t rows, const real *a, ptrdiff_t a_row, real *z)
{
    const ptrdiff_t zero = 0;
    const axis a_rows = {1, rows, a_row, &zero}, z_rows = {1, rows, t.width, &zero};
    tile_job job = {.k = {1, t.to - t.from, 1, &zero}, .b_step = NR, .continued = t.continued, .bias = t.bias,
                    .floor = -__builtin_inf()};
    if (t.j >= w->in_place) {
        const ptrdiff_t panel = t.gate * stack_panels(w) + (t.j - w->in_place) / NR;
        job.b = w->packed + (panel * (w->i + w->u) + t.from) * NR;
        run_panel(a + t.from, a_rows, 0, z, z_rows, t.width, CDL_LINEAR, job);
        return;
    }
    const real *matrix[2] = {w->kernel, w->recurrent_kernel};
    const ptrdiff_t top[3] = {0, w->i, w->i + w->u};
    job.b_step = w->gates * w->u;
    for (int m = 0; m < 2; m++) {
        const ptrdiff_t from = most(t.from, top[m]), to = least(t.to, top[m + 1]);
        if (from >= to && job.continued)
            continue;
        job.k.length = most(0, to - from);
        job.b = matrix[m] + (from - top[m]) * job.b_step + t.gate * w->u + t.j;
        run_panel(a + from, a_rows, 0, z, z_rows, t.width, CDL_LINEAR, job);
        job.continued = 1;
    }
}

/* ---- Forward: the loop -------------------------------------------------------------------------------------------- */

/* The samples that a thread has in hand.  U: u, rounded up to whole panels. */
typedef struct {
    ptrdiff_t first, rows, step;
    ptrdiff_t row, U;                   /* row = i + U */
    real *now, *next;                   /* [rows][x_s | h_{s-1}], [rows][ - | h_s] */
    real *more;                         /* [rows][row], for the cell */
    real *state;                        /* [rows][U], for the cell */
    real *z;                            /* [4][rows][width] */
    real *bias;                         /* [4][U], with zeros beyond u */
} strip;

typedef struct recurrence {
    cdl_sequence q;
    stack w;
    void (*step)(const struct recurrence *, strip *);
    const real *bias[4][2];             /* what the cell's sums begin with: two rows of u, either may be NULL */
    const real *state0;                 /* [n][u], or NULL: the first and the last state besides h */
    real *last_state;
    real *h, *kept;                     /* kept: [n][t][kept_size u], or NULL */
    ptrdiff_t kept_size;
    cdl_function f;
    int reset_after;
    int status;
} recurrence;

static inline int present(const cdl_sequence *q, ptrdiff_t sample, ptrdiff_t step)
{
    return q->mask == NULL || q->mask[sample * q->t + step];
}

/* rows[count][row] = from[count][..], a row further every `from_row`, and zeros up to a whole register. */
static void copy_rows(ptrdiff_t count, ptrdiff_t size, const real *from, ptrdiff_t from_row, real *to, ptrdiff_t to_row)
{
    for (ptrdiff_t r = 0; r < count; r++)
        for (ptrdiff_t j = 0; j < size; j += VL)
            store_n(to + r * to_row + j, size - j, load_n(from + r * from_row + j, size - j));
}

/* Whether a row takes part in this step; its place in arrays [n][t][..]. */
static inline ptrdiff_t place_in_time(const cdl_sequence *q, const strip *s, ptrdiff_t r)
{
    return (s->first + r) * q->t + s->step;
}

static void steps_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    recurrence *r = arg;
    const cdl_sequence *q = &r->q;
    const ptrdiff_t i = q->i, u = q->u, U = whole_panels(u), row = i + U, rows = even_part(end - begin, STRIP);
    const ptrdiff_t z_size = 4 * most(rows * NR, LONG), size = 3 * rows * row + rows * U + z_size + 4 * U;
    real *room = cdl_workspace(sizeof(real) * (size_t)size);
    if (room == NULL) {
        __atomic_store_n(&r->status, -1, __ATOMIC_RELAXED);
        return;
    }
    memset(room, 0, sizeof(real) * (size_t)size);
    strip s = {.row = row, .U = U, .z = room, .bias = room + z_size, .state = room + z_size + 4 * U};
    s.now = s.state + rows * U;
    s.next = s.now + rows * row;
    s.more = s.next + rows * row;
    for (int gate = 0; gate < 4; gate++)
        for (int part = 0; part < 2; part++)
            for (ptrdiff_t j = 0; r->bias[gate][part] && j < u; j++)
                s.bias[gate * U + j] += r->bias[gate][part][j];

    for (s.first = begin; s.first < end; s.first += s.rows) {
        s.rows = least(rows, end - s.first);
        copy_rows(s.rows, u, (const real *)q->h0 + s.first * u, u, s.now + i, row);
        if (r->state0)
            copy_rows(s.rows, u, r->state0 + s.first * u, u, s.state, U);
        for (s.step = 0; s.step < q->t; s.step++) {
            copy_rows(s.rows, i, (const real *)q->x + place_in_time(q, &s, 0) * i, q->t * i, s.now, row);
            r->step(r, &s);
            real *now = s.now;
            s.now = s.next;
            s.next = now;
        }
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

/* ---- Back: weights ------------------------------------------------------------------------------------------------ */

/* The rows of recurrent_kernel, then those of kernel, as columns: [panels][gates u][NR]. */
typedef struct {
    ptrdiff_t i, u, gates;
    const real *kernel, *recurrent_kernel;
    real *packed;
} turned;

static inline ptrdiff_t panels_of(ptrdiff_t size)
{
    return (size + NR - 1) / NR;
}

static void turned_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    const turned *w = arg;
    const ptrdiff_t depth = w->gates * w->u, before = panels_of(w->u);
    for (ptrdiff_t panel = begin; panel < end; panel++) {
        const int recurrent = panel < before;
        const real *matrix = recurrent ? w->recurrent_kernel : w->kernel;
        const ptrdiff_t j = (recurrent ? panel : panel - before) * NR, left = (recurrent ? w->u : w->i) - j;
        pack_panel(depth, least(NR, left), (cdl_matrix){matrix, 1, depth}, matrix + j * depth, w->packed + panel * depth * NR);
    }
}

/* ---- Back: the loop ----------------------------------------------------------------------------------------------- */

enum { MOST_GATES = 4 };

/* The same samples on their way back. */
typedef struct {
    ptrdiff_t first, rows, step;
    ptrdiff_t U;
    real *dh, *dc;                      /* [rows][U]: what step s + 1 gave; the cell leaves in dh what goes on directly */
    real *dz;                           /* [rows][MOST_GATES][U] */
    real *more;                         /* [rows][U], for the cell */
} strip_back;

typedef struct way_back {
    cdl_sequence q;
    cdl_sequence_gradients g;
    turned w;
    void (*step)(const struct way_back *, strip_back *);
    axis dx_gates, dh_gates;            /* the parts of dz that the products with kernel and recurrent_kernel gave */
    const real *h, *kept, *state0;      /* state0: NULL without a state besides h */
    const real *dstate;                 /* its gradient behind the last step, NULL for zeros */
    real *dstate0;
    cdl_function f;
    int reset_after;
    real *panels;                       /* dz of all steps: [gates][panels][n t][NR]; NULL if weights need no gradient */
    int status;
} way_back;

/* h_{s-1} of a row. */
static inline const real *row_before(const way_back *b, const strip_back *s, ptrdiff_t r, const real *first, const real *rows,
                                     ptrdiff_t row)
{
    const ptrdiff_t sample = s->first + r;
    return s->step > 0 ? rows + (sample * b->q.t + s->step - 1) * row : first + sample * b->q.u;
}

/* The gradient that comes to h_s of a row from outside, or NULL. */
static inline const real *given_dh(const way_back *b, const strip_back *s, ptrdiff_t r)
{
    const ptrdiff_t sample = s->first + r, t = b->q.t, u = b->q.u;
    if (b->g.every_step)
        return (const real *)b->g.dh + (sample * t + s->step) * u;
    return s->step == t - 1 ? (const real *)b->g.dh + sample * u : NULL;
}

/* dz of one register of units, in the buffer and among the panels. */
static inline void put_dz(const way_back *b, const strip_back *s, ptrdiff_t r, ptrdiff_t gate, ptrdiff_t j, vec dz)
{
    store(s->dz + (r * MOST_GATES + gate) * s->U + j, dz);
    if (b->panels) {
        const ptrdiff_t panel = gate * (s->U / NR) + j / NR;
        const ptrdiff_t place = (s->first + r) * b->q.t + s->step;
        store(b->panels + (panel * b->q.n * b->q.t + place) * NR + j % NR, dz);
    }
}

/* to[rows][columns] (+)= dz w for some gates; `skip` rows of w come before. */
static void turn_back(const way_back *b, const strip_back *s, axis gates, ptrdiff_t panel, ptrdiff_t skip, ptrdiff_t size,
                      int continued, real *to, ptrdiff_t to_row, ptrdiff_t to_width)
{
    const ptrdiff_t zero = 0, depth = b->w.gates * b->w.u;
    for (ptrdiff_t j = 0; j < size; j += NR, panel++) {
        const ptrdiff_t columns = least(size - j <= VL ? VL : NR, to_width - j);
        run_panel(s->dz, (axis){1, s->rows, MOST_GATES * s->U, &zero}, 0, to + j, (axis){1, s->rows, to_row, &zero}, columns,
                  CDL_LINEAR, (tile_job){.k = gates, .b = b->w.packed + (panel * depth + skip) * NR, .b_step = NR,
                                         .continued = continued, .floor = -__builtin_inf()});
    }
}

static void steps_back_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    way_back *b = arg;
    const cdl_sequence *q = &b->q;
    const ptrdiff_t i = q->i, t = q->t, u = q->u, U = whole_panels(u), rows = even_part(end - begin, STRIP);
    const ptrdiff_t size = rows * U * (3 + MOST_GATES);
    real *room = cdl_workspace(sizeof(real) * (size_t)size);
    if (room == NULL) {
        __atomic_store_n(&b->status, -1, __ATOMIC_RELAXED);
        return;
    }
    strip_back s = {.U = U, .dh = room, .dc = room + rows * U, .more = room + 2 * rows * U, .dz = room + 3 * rows * U};
    for (s.first = begin; s.first < end; s.first += s.rows) {
        s.rows = least(rows, end - s.first);
        memset(room, 0, sizeof(real) * (size_t)size);
        if (b->dstate)
            copy_rows(s.rows, u, b->dstate + s.first * u, u, s.dc, U);
        for (s.step = t - 1; s.step >= 0; s.step--) {
            b->step(b, &s);
            turn_back(b, &s, b->dh_gates, 0, 0, u, 1, s.dh, U, U);
            if (b->g.dx)
                turn_back(b, &s, b->dx_gates, panels_of(u), 0, i, 0, (real *)b->g.dx + (s.first * t + s.step) * i, t * i, i);
        }
        copy_rows(s.rows, u, s.dh, U, (real *)b->g.dh0 + s.first * u, u);
        if (b->dstate0)
            copy_rows(s.rows, u, s.dc, U, b->dstate0 + s.first * u, u);
    }
}

/* ---- Back: the gradients of weights ------------------------------------------------------------------------------- */

/* d[m][gates u] = rows' dz for rows[n t][m]; or, with `first`, for the rows one step before, where first[n][m] comes in
 * front of each sample's.  Gate g's part belongs to the panels panel[g], or to another factor if that is negative. */
typedef struct {
    const real *rows, *first;
    ptrdiff_t row, m;
    int panel[MOST_GATES];
    real *d;
} factor;

enum { MOST_FACTORS = 3, MOST_BIASES = 6 };

typedef struct {
    const way_back *back;
    ptrdiff_t depth;                    /* n t */
    ptrdiff_t factors, biases, shares;
    factor factor[MOST_FACTORS];
    int bias_panel[MOST_BIASES];        /* dbias[biases][u]: the sums over these panels */
    int status;
} weight_job;

/* block[tile][k][MR] of features [from, to), for rows [k0, k0 + k): as pack_rows does. */
static void pack_factor(const factor *f, ptrdiff_t t, ptrdiff_t from, ptrdiff_t to, ptrdiff_t k0, ptrdiff_t k, real *block)
{
    const real *at[SUM_DEPTH];
    for (ptrdiff_t p = 0, row = k0; p < k; p++, row++)
        at[p] = f->first == NULL ? f->rows + row * f->row :
                row % t > 0      ? f->rows + (row - 1) * f->row : f->first + row / t * f->m;
    const tiling tiles = tiles_of(to - from, MR);
    for (ptrdiff_t tile = 0, begin = from, end; tile < tiles.count; tile++, begin = end) {
        end = begin + tiles.low + (tile < tiles.higher);
        for (ptrdiff_t p = 0; p < k; p++)
            for (ptrdiff_t r = begin; r < end; r += VL)
                store(block + (tile * k + p) * MR + r - begin, load_n(at[p] + r, end - r));
    }
}

/* total[columns] (+)= the sum of rows[k][NR] */
static void add_panel(ptrdiff_t k, ptrdiff_t columns, const real *rows, int continued, real *total)
{
    for (ptrdiff_t j = 0; j < columns; j += VL) {
        vec sum[4] = {splat(0), splat(0), splat(0), splat(0)};
        for (ptrdiff_t p = 0; p < k; p++)
            sum[p % 4] += load(rows + p * NR + j);
        const vec all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        store_n(total + j, columns - j, continued ? load_n(total + j, columns - j) + all : all);
    }
}

static void weight_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    weight_job *job = arg;
    const way_back *b = job->back;
    const ptrdiff_t u = b->q.u, gates = b->w.gates, panels = panels_of(u), depth = job->depth, zero = 0;
    for (ptrdiff_t share = begin; share < end; share++) {
        ptrdiff_t from[MOST_FACTORS], to[MOST_FACTORS], size = 0;
        real *block[MOST_FACTORS];
        for (ptrdiff_t f = 0; f < job->factors; f++) {
            from[f] = job->factor[f].m * share / job->shares;
            to[f] = job->factor[f].m * (share + 1) / job->shares;
            size += (to[f] - from[f] + MR) * SUM_DEPTH + VL;
        }
        if ((block[0] = cdl_workspace(sizeof(real) * (size_t)size)) == NULL) {
            __atomic_store_n(&job->status, -1, __ATOMIC_RELAXED);
            return;
        }
        for (ptrdiff_t f = 1; f < job->factors; f++)
            block[f] = block[f - 1] + (to[f - 1] - from[f - 1] + MR) * SUM_DEPTH + VL;
        const ptrdiff_t first_sum = job->biases * panels * share / job->shares,
                        last_sum = job->biases * panels * (share + 1) / job->shares;
        for (ptrdiff_t k0 = 0; k0 == 0 || k0 < depth; k0 += SUM_DEPTH) {
            const ptrdiff_t k = least(SUM_DEPTH, depth - k0);
            for (ptrdiff_t f = 0; f < job->factors; f++)
                pack_factor(&job->factor[f], b->q.t, from[f], to[f], k0, k, block[f]);
            for (ptrdiff_t p = 0; p < gates * panels; p++) {
                const ptrdiff_t gate = p / panels, j = p % panels * NR, columns = least(NR, u - j);
                for (ptrdiff_t f = 0; f < job->factors; f++) {
                    const factor *of = &job->factor[f];
                    if (of->panel[gate] < 0 || from[f] == to[f])
                        continue;
                    const real *dz = b->panels + ((of->panel[gate] * panels + p % panels) * depth + k0) * NR;
                    run_panel(block[f], (axis){1, to[f] - from[f], 1, &zero}, k * MR, of->d + from[f] * gates * u + gate * u + j,
                              (axis){1, to[f] - from[f], gates * u, &zero}, columns, CDL_LINEAR, (tile_job){
                        .k = {1, k, MR, &zero}, .b = dz, .b_step = NR, .continued = k0 > 0, .floor = -__builtin_inf()});
                }
            }
            for (ptrdiff_t p = first_sum; p < last_sum; p++) {
                const ptrdiff_t bias = p / panels, j = p % panels * NR;
                add_panel(k, least(NR, u - j), b->panels + ((job->bias_panel[bias] * panels + p % panels) * depth + k0) * NR,
                          k0 > 0, (real *)b->g.dbias + bias * u + j);
            }
        }
    }
}

/* job has its factors and its biases. */
static int weight_gradients(const way_back *b, weight_job job)
{
    ptrdiff_t rows = 0;
    for (ptrdiff_t f = 0; f < job.factors; f++)
        rows += job.factor[f].m;
    const double cost = recurrent_cost(&b->q, b->w.gates);
    job.back = b;
    job.depth = b->q.n * b->q.t;
    job.shares = most(cdl_slices(rows, MR, cost), (rows + MOST_FACTOR_ROWS - 1) / MOST_FACTOR_ROWS);
    cdl_parallel(job.shares, 1, cost, weight_task, &job);
    return job.status;
}

/* The steps, then the weights.  dz_gates: the parts of dz that are kept for these. */
static int run_back(way_back *b, ptrdiff_t gates, ptrdiff_t dz_gates, weight_job weights)
{
    const cdl_sequence *q = &b->q;
    if (q->u == 0) {
        if (b->g.dx)
            memset(b->g.dx, 0, sizeof(real) * (size_t)(q->n * q->t * q->i));
        return 0;
    }
    const ptrdiff_t turned_panels = panels_of(q->u) + (b->g.dx ? panels_of(q->i) : 0);
    b->w = (turned){q->i, q->u, gates, q->kernel, q->recurrent_kernel, NULL};
    const size_t bytes = sizeof(real) * NR * (size_t)(turned_panels * gates * q->u);
    const size_t dz_bytes = sizeof(real) * (size_t)(b->g.dkernel ? dz_gates * whole_panels(q->u) * q->n * q->t : 0);
    b->w.packed = cdl_take(bytes);
    b->panels = b->g.dkernel ? cdl_take(dz_bytes) : NULL;
    if (b->w.packed == NULL || (b->g.dkernel && b->panels == NULL))
        b->status = -1;
    else {
        cdl_parallel(turned_panels, 1, bytes / 8., turned_task, &b->w);
        cdl_parallel(q->n, 1, recurrent_cost(q, gates), steps_back_task, b);
        if (b->g.dkernel && b->status == 0)
            b->status = weight_gradients(b, weights);
    }
    cdl_release(b->w.packed, bytes);
    cdl_release(b->panels, dz_bytes);
    return b->status;
}
