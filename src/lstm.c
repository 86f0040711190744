/* lstm.c - one step of an LSTM, and back.  The loops around it: recurrent.c.  Letters: cdl/ops/recurrence.py. */

static void lstm_step(const recurrence *r, strip *s)
{
    const cdl_sequence *q = &r->q;
    const ptrdiff_t u = q->u;
    ptrdiff_t width;
    for (ptrdiff_t j = 0; j < u; j += width) {
        width = block_width(&r->w, s->rows, j);
        const ptrdiff_t size = s->rows * width;
        real *i = parts_of(s, j), *f = i + size, *g = f + size, *o = g + size, *tanh_c = o + size;
        add_terms(r, s, j, width, s->now, (gate_terms){0, 0, 4, s->from, s->to, 0});
        sigmoids(i, 2 * size);
        tanhs(g, size);
        sigmoids(o, size);
        for (ptrdiff_t row = 0; row < s->rows; row++)
            for (ptrdiff_t v = 0, at = row * width; v < width; v += VL, at += VL) {
                real *c = s->state + row * s->U + j + v;
                if (present(q, s->first + row, s->step))
                    store(c, vfma(load(f + at), load(c), load(i + at) * load(g + at)));
                store(tanh_c + at, load(c));
            }
        tanhs(tanh_c, size);
        for (ptrdiff_t row = 0; row < s->rows; row++) {
            const int here = present(q, s->first + row, s->step);
            for (ptrdiff_t v = 0, at = row * width, h_at = row * s->row + q->i + j; v < width; v += VL, at += VL, h_at += VL)
                store(s->next + h_at, here ? load(o + at) * load(tanh_c + at) : load(s->now + h_at));
        }
    }
}

static int lstm(const cdl_sequence *q, const void *c0, void *h, void *c, void *kept)
{
    const real *bias = q->bias;
    recurrence r = {.q = *q, .step = lstm_step, .state0 = c0, .last_state = c, .h = h, .kept = kept,
                    .sums = 4};
    for (int gate = 0; bias && gate < 4; gate++)
        r.bias[gate][0] = bias + gate * q->u;
    return run_recurrence(&r, 4);
}

static void lstm_step_back(const way_back *b, strip_back *s)
{
    const ptrdiff_t u = b->q.u, U = s->U;
    const vec one = splat(1);
    for (ptrdiff_t row = 0; row < s->rows; row++) {
        const real *i_row = kept_row(b, s, row, 0), *f_row = kept_row(b, s, row, 1), *g_row = kept_row(b, s, row, 2);
        const real *o_row = kept_row(b, s, row, 3), *c_before = row_before(b, s, row, 4, b->state0);
        const real *given = given_dh(b, s, row);
        const int here = present(&b->q, s->first + row, s->step);
        real *dz_row = dz_of_row(s, row), *carried = s->dh + row * U, *state = s->dc + row * U, *tanh_of_c = s->more;
        copy_rows(1, u, kept_row(b, s, row, 4), 0, tanh_of_c, 0);
        tanhs(tanh_of_c, U);
        for (ptrdiff_t j = 0; j < U; j += VL, carried += VL, state += VL) {
            const ptrdiff_t left = u - j;
            const vec dh = given ? load(carried) + load_n(given + j, left) : load(carried);
            vec dz[4] = {splat(0), splat(0), splat(0), splat(0)}, on = dh;
            if (here) {
                const vec i = load_n(i_row + j, left), f = load_n(f_row + j, left), g = load_n(g_row + j, left);
                const vec o = load_n(o_row + j, left), tanh_c = load(tanh_of_c + j);
                const vec dc = vfma(dh * o, one - tanh_c * tanh_c, load(state));
                dz[0] = dc * g * (i * (one - i));
                dz[1] = dc * load_n(c_before + j, left) * (f * (one - f));
                dz[2] = dc * i * (one - g * g);
                dz[3] = dh * tanh_c * (o * (one - o));
                store(state, dc * f);
                on = splat(0);
            }
            store(carried, on);
            for (int gate = 0; gate < 4; gate++)
                store(dz_row + gate * U + j, dz[gate]);
        }
    }
}

static int lstm_backward(const cdl_sequence *q, const void *c0, const void *kept, const cdl_sequence_gradients *g,
                         const void *dc, void *dc0)
{
    const ptrdiff_t U = round_up(q->u, NR), start[4] = {0, U, 2 * U, 3 * U};
    const axis gates = {4, q->u, 1, start};
    way_back b = {.q = *q, .g = *g, .step = lstm_step_back, .dx_gates = gates, .dh_gates = gates, .kept = kept,
                  .parts = 6, .dz_parts = 4, .state0 = c0, .dstate = dc, .dstate0 = dc0};
    return run_back(&b, 4, (weight_job){
        .factors = 2, .biases = 4,
        .factor = {factor_of_x(&b, (gates_of_parts){{0, 1, 2, 3}}), factor_of_h(&b, (gates_of_parts){{0, 1, 2, 3}})},
        .bias_part = {0, 1, 2, 3},
    });
}
