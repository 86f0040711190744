/* recurrent_back.c - the way back through all steps, and the gradients of the weights.
 *
 *     step by step    dz_s from dh_s;     [dh_{s-1} | dx_s] = dz_s [recurrent_kernel; kernel]'
 *     then            dkernel = x' dz,    drecurrent_kernel = h_before' dz         one product each for all steps
 *
 * Threads carry their own samples, as in recurrent.c.  Besides, dz is written as the panels that the last products read:
 * these are sums over all samples and steps, so threads share the rows of the results.
 */

enum {
    STRIP_BACK = 48,                    /* samples: dz of all gates besides */
    MOST_DZ = 4,                        /* of dz */
    SUM_DEPTH = 256,                    /* rows of all samples and steps that are summed together */
    MOST_FACTOR_ROWS = 384,             /* of a copied factor */
    MOST_FACTORS = 3, MOST_BIASES = 6,
};

/* ---- Weights ------------------------------------------------------------------------------------------------------ */

/* The rows of recurrent_kernel, then those of kernel, as columns: [panels][gates u][NR]. */
typedef struct {
    ptrdiff_t i, u, gates;
    const real *kernel, *recurrent_kernel;
    real *packed;
} turned;

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

/* ---- The loop ----------------------------------------------------------------------------------------------------- */

/* The same samples on their way back. */
typedef struct {
    ptrdiff_t first, rows, step;
    ptrdiff_t U;
    real *dh, *dc;                      /* [rows][U]: what step s + 1 gave; the cell leaves in dh what goes on directly */
    real *dz;                           /* [rows][MOST_DZ][U] */
    real *more;                         /* [rows][U], for the cell */
} strip_back;

typedef struct way_back {
    cdl_sequence q;
    cdl_sequence_gradients g;
    turned w;
    void (*step)(const struct way_back *, strip_back *);
    axis dx_gates, dh_gates;            /* the parts of dz that the products with kernel and recurrent_kernel gave */
    const real *kept, *state0;          /* kept: [t][parts][n][u], h last; state0: NULL without a state besides h */
    ptrdiff_t parts;
    int fresh;                          /* h0 is zeros: no products with it */
    const real *dstate;                 /* its gradient behind the last step, NULL for zeros */
    real *dstate0;
    cdl_function f;
    int reset_after;
    real *panels;                       /* dz of all steps: [dz_parts][panels][panel_rows][NR]; NULL if no weights want it */
    ptrdiff_t dz_parts, panel_rows;               /* t n, made odd: one row of all panels fills different sets of the cache */
    int status;
} way_back;

/* A part of what was kept of this step, and of the one before, or of the state before the first one. */
static inline const real *kept_row(const way_back *b, const strip_back *s, ptrdiff_t r, ptrdiff_t part)
{
    return b->kept + ((s->step * b->parts + part) * b->q.n + s->first + r) * b->q.u;
}

static inline const real *row_before(const way_back *b, const strip_back *s, ptrdiff_t r, ptrdiff_t part, const real *first)
{
    return s->step > 0 ? kept_row(b, s, r, part - b->parts) : first + (s->first + r) * b->q.u;
}

/* The gradient that comes to h_s of a row from outside, or NULL. */
static inline const real *given_dh(const way_back *b, const strip_back *s, ptrdiff_t r)
{
    const ptrdiff_t sample = s->first + r, t = b->q.t, u = b->q.u;
    if (b->g.every_step)
        return (const real *)b->g.dh + (sample * t + s->step) * u;
    return s->step == t - 1 ? (const real *)b->g.dh + sample * u : NULL;
}

/* dz of a row. */
static inline real *dz_of_row(const strip_back *s, ptrdiff_t r)
{
    return s->dz + r * MOST_DZ * s->U;
}

/* The panels get dz of this step: panel by panel, since one row of all of them is in as many places of memory. */
static void keep_dz(const way_back *b, const strip_back *s)
{
    const ptrdiff_t panels = panels_of(s->U), place = s->step * b->q.n + s->first;
    for (ptrdiff_t p = 0; p < b->dz_parts * panels; p++)
        copy_rows(s->rows, NR, s->dz + p / panels * s->U + p % panels * NR, MOST_DZ * s->U,
                  b->panels + (p * b->panel_rows + place) * NR, NR);
}

/* to[rows][columns] (+)= dz w for some gates; `skip` rows of w come before. */
static void turn_back(const way_back *b, const strip_back *s, axis gates, ptrdiff_t panel, ptrdiff_t skip, ptrdiff_t size,
                      int continued, real *to, ptrdiff_t to_row, ptrdiff_t to_width)
{
    const ptrdiff_t zero = 0, depth = b->w.gates * b->w.u;
    for (ptrdiff_t j = 0; j < size; j += NR, panel++) {
        const ptrdiff_t columns = least(size - j <= VL ? VL : NR, to_width - j);
        run_panel(s->dz, (axis){1, s->rows, MOST_DZ * s->U, &zero}, 0, to + j, (axis){1, s->rows, to_row, &zero}, columns,
                  CDL_LINEAR, (tile_job){.k = gates, .b = b->w.packed + (panel * depth + skip) * NR, .b_step = NR,
                                         .continued = continued, .floor = -__builtin_inf()});
    }
}

static void steps_back_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    way_back *b = arg;
    const cdl_sequence *q = &b->q;
    const ptrdiff_t i = q->i, t = q->t, u = q->u, U = round_up(u, NR), rows = even_part(end - begin, STRIP_BACK);
    const ptrdiff_t size = rows * U * (3 + MOST_DZ);
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
            if (b->panels)
                keep_dz(b, &s);
            turn_back(b, &s, b->dh_gates, 0, 0, u, 1, s.dh, U, U);
            if (b->g.dx)
                turn_back(b, &s, b->dx_gates, panels_of(u), 0, i, 0, (real *)b->g.dx + (s.first * t + s.step) * i, t * i, i);
        }
        copy_rows(s.rows, u, s.dh, U, (real *)b->g.dh0 + s.first * u, u);
        if (b->dstate0)
            copy_rows(s.rows, u, s.dc, U, b->dstate0 + s.first * u, u);
    }
}

/* ---- The gradients of the weights --------------------------------------------------------------------------------- */

/* For each part of dz, the gate of whose weights it is the gradient; -1 if of none. */
typedef struct {
    int part[MOST_DZ];
} gates_of_parts;

/* d[m][gates u] = rows' dz for the rows of m elements of all steps, one for each sample; or, `before`, for those of the steps
 * before, where first[n][m] comes in front. */
typedef struct {
    gates_of_parts gate_of;
    const real *rows, *first;
    ptrdiff_t step, sample, m;          /* distances of rows */
    int before;
    real *d;
} factor;

static factor factor_of_x(const way_back *b, gates_of_parts gate_of)
{
    const cdl_sequence *q = &b->q;
    return (factor){gate_of, q->x, NULL, q->i, q->t * q->i, q->i, 0, b->g.dkernel};
}

static factor factor_of_h(const way_back *b, gates_of_parts gate_of)
{
    const ptrdiff_t n = b->q.n, u = b->q.u;
    return (factor){gate_of, b->kept + (b->parts - 1) * n * u, b->q.h0, b->parts * n * u, u, u, 1, b->g.drecurrent_kernel};
}

typedef struct {
    const way_back *back;
    ptrdiff_t depth;                    /* t n */
    ptrdiff_t factors, biases, shares;
    factor factor[MOST_FACTORS];
    int bias_part[MOST_BIASES];         /* dbias[biases][u]: the sums over these parts */
    int status;
} weight_job;

/* block[tile][k][MR] of features [from, to), for rows [k0, k0 + k): as pack_rows does. */
static void pack_factor(const factor *f, ptrdiff_t n, ptrdiff_t from, ptrdiff_t to, ptrdiff_t k0, ptrdiff_t k, real *block)
{
    const real *at[SUM_DEPTH];
    for (ptrdiff_t p = 0, step = k0 / n, sample = k0 % n; p < k; p++) {
        at[p] = step < f->before ? f->first + sample * f->m : f->rows + (step - f->before) * f->step + sample * f->sample;
        if (++sample == n)
            sample = 0, step++;
    }
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
        ptrdiff_t p = 0;
        for (; p + 4 <= k; p += 4)
            for (int part = 0; part < 4; part++)
                sum[part] += load(rows + (p + part) * NR + j);
        for (; p < k; p++)
            sum[0] += load(rows + p * NR + j);
        const vec all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        store_n(total + j, columns - j, continued ? load_n(total + j, columns - j) + all : all);
    }
}

static void weight_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    weight_job *job = arg;
    const way_back *b = job->back;
    const ptrdiff_t n = b->q.n, u = b->q.u, gates = b->w.gates, panels = panels_of(u), depth = job->depth, zero = 0;
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
        const ptrdiff_t first_sum = b->dz_parts * panels * share / job->shares,
                        last_sum = b->dz_parts * panels * (share + 1) / job->shares;
        for (ptrdiff_t k0 = 0; k0 == 0 || k0 < depth; k0 += SUM_DEPTH) {
            const ptrdiff_t k = least(SUM_DEPTH, depth - k0);
            for (ptrdiff_t f = 0; f < job->factors && k > 0; f++)
                pack_factor(&job->factor[f], n, from[f], to[f], k0, k, block[f]);
            for (ptrdiff_t p = 0; p < b->dz_parts * panels; p++) {
                const ptrdiff_t part = p / panels, j = p % panels * NR, columns = least(NR, u - j);
                const real *dz = b->panels + (p * b->panel_rows + k0) * NR;
                for (ptrdiff_t f = 0; f < job->factors; f++) {
                    const factor *of = &job->factor[f];
                    const int gate = of->gate_of.part[part];
                    if (gate < 0 || from[f] == to[f])
                        continue;
                    const ptrdiff_t zeros = of->before && b->fresh ? most(0, least(k, n - k0)) : 0;
                    real *d = of->d + (from[f] * gates + gate) * u + j;
                    const axis rows = {1, to[f] - from[f], 1, &zero}, d_rows = {1, rows.length, gates * u, &zero};
                    run_panel(block[f] + zeros * MR, rows, k * MR, d, d_rows, columns, CDL_LINEAR, (tile_job){
                        .k = {1, k - zeros, MR, &zero}, .b = dz + zeros * NR, .b_step = NR, .continued = k0 > 0,
                        .floor = -__builtin_inf()});
                }
                for (ptrdiff_t bias = 0; bias < job->biases && first_sum <= p && p < last_sum; bias++)
                    if (job->bias_part[bias] == part)
                        add_panel(k, columns, dz, k0 > 0, (real *)b->g.dbias + bias * u + j);
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

/* The steps, then the weights. */
static int run_back(way_back *b, ptrdiff_t gates, weight_job weights)
{
    const cdl_sequence *q = &b->q;
    b->fresh = all_zeros(q->n * q->u, q->h0);
    if (q->u == 0) {
        if (b->g.dx)
            memset(b->g.dx, 0, sizeof(real) * (size_t)(q->n * q->t * q->i));
        return 0;
    }
    const ptrdiff_t turned_panels = panels_of(q->u) + (b->g.dx ? panels_of(q->i) : 0);
    b->w = (turned){q->i, q->u, gates, q->kernel, q->recurrent_kernel, NULL};
    const size_t bytes = sizeof(real) * NR * (size_t)(turned_panels * gates * q->u);
    b->panel_rows = q->n * q->t | 1;
    const size_t dz_bytes = sizeof(real) * (size_t)(b->g.dkernel ? b->dz_parts * round_up(q->u, NR) * b->panel_rows : 0);
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
