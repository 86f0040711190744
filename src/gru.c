/* gru.c - one step of a GRU, and back.  The loops around it: recurrent.c.  Letters: cdl/ops/recurrence.py. */

/* The parts of `kept`; the sums and dz have all but the last. */
enum { GRU_Z, GRU_R, GRU_G, GRU_P, GRU_H };

/* h_s of a block of units, whose gates are ready. */
static void gru_states(const recurrence *r, strip *s, ptrdiff_t j, ptrdiff_t width)
{
    const real *z = parts_of(s, j), *g = z + GRU_G * s->rows * width;
    for (ptrdiff_t row = 0; row < s->rows; row++) {
        const int here = present(&r->q, s->first + row, s->step);
        for (ptrdiff_t v = 0, at = row * width, h_at = row * s->row + r->q.i + j; v < width; v += VL, at += VL, h_at += VL) {
            const vec before = load(s->now + h_at), update = load(z + at);
            store(s->next + h_at, here ? vfma(update, before, (splat(1) - update) * load(g + at)) : before);
        }
    }
}

/* Reset after the product: z and r need all terms, g those of x, p those of h. */
static void gru_step(const recurrence *r, strip *s)
{
    const cdl_sequence *q = &r->q;
    const ptrdiff_t i = q->i, u = q->u;
    ptrdiff_t width;
    for (ptrdiff_t j = 0; j < u; j += width) {
        width = block_width(&r->w, s->rows, j);
        const ptrdiff_t size = s->rows * width;
        real *z = parts_of(s, j), *reset = z + size, *g = reset + size, *p = g + size;
        add_terms(r, s, j, width, s->now, (gate_terms){GRU_Z, 0, 2, s->from, s->to, 0});
        add_terms(r, s, j, width, s->now, (gate_terms){GRU_G, 2, 1, s->from, i, 0});
        add_terms(r, s, j, width, s->now, (gate_terms){GRU_P, 2, 1, i, s->to, 0});
        sigmoids(z, 2 * size);
        for (ptrdiff_t at = 0; at < size; at += VL)
            store(g + at, vfma(load(reset + at), load(p + at), load(g + at)));
        tanhs(g, size);
        gru_states(r, s, j, width);
    }
}

/* Reset before the product: all of p must be there before the first g. */
static void gru_step_reset_before(const recurrence *r, strip *s)
{
    const cdl_sequence *q = &r->q;
    const ptrdiff_t i = q->i, u = q->u;
    ptrdiff_t width;
    for (ptrdiff_t j = 0; j < u; j += width) {
        width = block_width(&r->w, s->rows, j);
        const ptrdiff_t size = s->rows * width;
        real *z = parts_of(s, j), *reset = z + size, *p = reset + 2 * size;
        add_terms(r, s, j, width, s->now, (gate_terms){GRU_Z, 0, 2, s->from, s->to, 0});
        sigmoids(z, 2 * size);
        for (ptrdiff_t row = 0; row < s->rows; row++)
            for (ptrdiff_t v = 0, at = row * width, h_at = row * s->row + i + j; v < width; v += VL, at += VL, h_at += VL) {
                const vec reset_h = load(reset + at) * load(s->now + h_at);
                store(p + at, reset_h);
                store(s->more + h_at, reset_h);
            }
    }
    for (ptrdiff_t j = 0; j < u; j += width) {
        width = block_width(&r->w, s->rows, j);
        real *g = parts_of(s, j) + GRU_G * s->rows * width;
        add_terms(r, s, j, width, s->now, (gate_terms){GRU_G, 2, 1, s->from, i, 0});
        add_terms(r, s, j, width, s->more, (gate_terms){GRU_G, 2, 1, i, s->to, 1});
        tanhs(g, s->rows * width);
        gru_states(r, s, j, width);
    }
}

static int gru(const cdl_sequence *q, int reset_after, void *h, void *kept)
{
    const real *bias = q->bias;
    const ptrdiff_t u = q->u;
    recurrence r = {.q = *q, .step = reset_after ? gru_step : gru_step_reset_before, .h = h, .kept = kept,
                    .sums = 4, .together = !reset_after};
    for (int gate = GRU_Z; bias && gate <= GRU_G; gate++)
        r.bias[gate][0] = bias + gate * u;
    if (bias && reset_after) {
        r.bias[GRU_Z][1] = bias + (3 + GRU_Z) * u;
        r.bias[GRU_R][1] = bias + (3 + GRU_R) * u;
        r.bias[GRU_P][0] = bias + (3 + GRU_G) * u;
    }
    return run_recurrence(&r, 3);
}

static void gru_step_back(const way_back *b, strip_back *s)
{
    const ptrdiff_t u = b->q.u, U = s->U;
    const vec one = splat(1);
    for (ptrdiff_t row = 0; row < s->rows; row++) {
        const real *z_row = kept_row(b, s, row, GRU_Z), *r_row = kept_row(b, s, row, GRU_R);
        const real *g_row = kept_row(b, s, row, GRU_G), *p_row = kept_row(b, s, row, GRU_P);
        const real *h_before = row_before(b, s, row, GRU_H, b->q.h0), *given = given_dh(b, s, row);
        const int here = present(&b->q, s->first + row, s->step), reset_after = b->reset_after;
        real *dz_row = dz_of_row(s, row), *carried = s->dh + row * U;
        for (ptrdiff_t j = 0; j < U; j += VL, carried += VL) {
            const ptrdiff_t left = u - j;
            const vec dh = given ? load(carried) + load_n(given + j, left) : load(carried);
            vec dz = splat(0), dr = splat(0), dg = splat(0), dp = splat(0), on = dh;
            if (here) {
                const vec z = load_n(z_row + j, left), r = load_n(r_row + j, left);
                const vec g = load_n(g_row + j, left), p = load_n(p_row + j, left);
                dz = dh * (load_n(h_before + j, left) - g) * (z * (one - z));
                dg = dh * (one - z) * (one - g * g);
                dp = dg * r;
                dr = dg * p * (r * (one - r));
                on = dh * z;
            }
            store(carried, on);
            store(dz_row + GRU_Z * U + j, dz);
            store(dz_row + GRU_G * U + j, dg);
            if (reset_after) {
                store(dz_row + GRU_R * U + j, dr);
                store(dz_row + GRU_P * U + j, dp);
            }
        }
    }
    if (b->reset_after)
        return;

    /* dp = dg recurrent_kernel_g', of which r and h_before get their parts. */
    memset(s->more, 0, sizeof(real) * (size_t)(s->rows * U));
    const ptrdiff_t start = GRU_G * U;
    turn_back(b, s, (axis){1, u, 1, &start}, 0, GRU_G * u, u, 1, s->more, U, U);
    for (ptrdiff_t row = 0; row < s->rows; row++) {
        const real *r_row = kept_row(b, s, row, GRU_R), *h_before = row_before(b, s, row, GRU_H, b->q.h0);
        const int here = present(&b->q, s->first + row, s->step);
        real *dr = dz_of_row(s, row) + GRU_R * U;
        for (ptrdiff_t j = 0; j < U; j += VL) {
            const vec r = load_n(r_row + j, u - j), dp = load(s->more + row * U + j);
            real *carried = s->dh + row * U + j;
            if (here)
                store(carried, vfma(dp, r, load(carried)));
            store(dr + j, here ? dp * load_n(h_before + j, u - j) * (r * (one - r)) : splat(0));
        }
    }
}

static int gru_backward(const cdl_sequence *q, int reset_after, const void *kept, const cdl_sequence_gradients *g)
{
    const ptrdiff_t u = q->u, U = round_up(u, NR);
    const ptrdiff_t of_kernel[3] = {GRU_Z * U, GRU_R * U, GRU_G * U}, of_recurrent[3] = {GRU_Z * U, GRU_R * U, GRU_P * U};
    way_back b = {.q = *q, .g = *g, .step = gru_step_back, .dx_gates = {3, u, 1, of_kernel},
                  .dh_gates = {reset_after ? 3 : 2, u, 1, of_recurrent}, .kept = kept, .parts = 5,
                  .dz_parts = reset_after ? 4 : 3, .reset_after = reset_after};
    const factor of_x = factor_of_x(&b, (gates_of_parts){{0, 1, 2, -1}});
    if (reset_after)
        return run_back(&b, 3, (weight_job){
            .factors = 2, .biases = 6,
            .factor = {of_x, factor_of_h(&b, (gates_of_parts){{0, 1, -1, 2}})},
            .bias_part = {GRU_Z, GRU_R, GRU_G, GRU_Z, GRU_R, GRU_P},
        });
    factor of_p = factor_of_h(&b, (gates_of_parts){{-1, -1, 2}});
    of_p.rows = (const real *)kept + GRU_P * q->n * u, of_p.first = NULL, of_p.before = 0;
    return run_back(&b, 3, (weight_job){
        .factors = 3, .biases = 3,
        .factor = {of_x, factor_of_h(&b, (gates_of_parts){{0, 1, -1}}), of_p},
        .bias_part = {GRU_Z, GRU_R, GRU_G},
    });
}
