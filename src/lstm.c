/* lstm.c - one step of an LSTM, and back.  The loops around it: recurrent.c.  Letters: cdl/ops/recurrence.py. */

static void lstm_step(const recurrence *r, strip *s)
{
    const cdl_sequence *q = &r->q;
    const ptrdiff_t u = q->u, h_at = q->i;
    ptrdiff_t width;
    for (ptrdiff_t j = 0; j < u; j += width) {
        width = block_width(&r->w, s->rows, j);
        const ptrdiff_t size = s->rows * width;
        for (ptrdiff_t gate = 0; gate < 4; gate++)
            add_terms(&r->w, (term){gate, j, width, 0, q->i + u, s->bias + gate * s->U + j, 0}, s->rows, s->now, s->row,
                      s->z + gate * size);
        for (ptrdiff_t row = 0; row < s->rows; row++) {
            const ptrdiff_t place = place_in_time(q, s, row);
            const int here = present(q, s->first + row, s->step);
            const real *z = s->z + row * width, *before = s->now + row * s->row + h_at + j;
            real *next = s->next + row * s->row + h_at + j, *state = s->state + row * s->U + j;
            real *h = r->h + place * u + j, *kept = r->kept ? r->kept + place * 5 * u + j : NULL;
            for (ptrdiff_t v = 0; v < width; v += VL) {
                const ptrdiff_t left = u - j - v;
                const vec i = vsigmoid(load(z + v)), f = vsigmoid(load(z + size + v));
                const vec g = vtanh(load(z + 2 * size + v)), o = vsigmoid(load(z + 3 * size + v));
                vec c = load(state + v), y = load(before + v);
                if (here) {
                    c = vfma(f, c, i * g);
                    y = o * vtanh(c);
                }
                store(state + v, c);
                store(next + v, y);
                store_n(h + v, left, y);
                if (kept) {
                    store_n(kept + v, left, i);
                    store_n(kept + u + v, left, f);
                    store_n(kept + 2 * u + v, left, g);
                    store_n(kept + 3 * u + v, left, o);
                    store_n(kept + 4 * u + v, left, c);
                }
            }
        }
    }
}

static int lstm(const cdl_sequence *q, const void *c0, void *h, void *c, void *kept)
{
    const real *bias = q->bias;
    recurrence r = {.q = *q, .step = lstm_step, .state0 = c0, .last_state = c, .h = h, .kept = kept};
    for (int gate = 0; bias && gate < 4; gate++)
        r.bias[gate][0] = bias + gate * q->u;
    return run_recurrence(&r, 4);
}

static void lstm_step_back(const way_back *b, strip_back *s)
{
    const ptrdiff_t u = b->q.u;
    const vec one = splat(1);
    for (ptrdiff_t row = 0; row < s->rows; row++) {
        const real *kept = b->kept + ((s->first + row) * b->q.t + s->step) * 5 * u;
        const real *c_before = row_before(b, s, row, b->state0, b->kept + 4 * u, 5 * u), *given = given_dh(b, s, row);
        const int here = present(&b->q, s->first + row, s->step);
        for (ptrdiff_t j = 0; j < s->U; j += VL) {
            const ptrdiff_t left = u - j;
            real *carried = s->dh + row * s->U + j, *state = s->dc + row * s->U + j;
            const vec dh = given ? load(carried) + load_n(given + j, left) : load(carried);
            vec dz[4] = {splat(0), splat(0), splat(0), splat(0)}, on = dh;
            if (here) {
                const vec i = load_n(kept + j, left), f = load_n(kept + u + j, left), g = load_n(kept + 2 * u + j, left);
                const vec o = load_n(kept + 3 * u + j, left), tanh_c = vtanh(load_n(kept + 4 * u + j, left));
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
                put_dz(b, s, row, gate, j, dz[gate]);
        }
    }
}

static int lstm_backward(const cdl_sequence *q, const void *c0, const void *h, const void *kept,
                         const cdl_sequence_gradients *g, const void *dc, void *dc0)
{
    const ptrdiff_t U = whole_panels(q->u), start[4] = {0, U, 2 * U, 3 * U};
    const axis gates = {4, q->u, 1, start};
    way_back b = {.q = *q, .g = *g, .step = lstm_step_back, .dx_gates = gates, .dh_gates = gates, .h = h, .kept = kept,
                  .state0 = c0, .dstate = dc, .dstate0 = dc0};
    return run_back(&b, 4, 4, (weight_job){
        .factors = 2, .biases = 4,
        .factor = {{q->x, NULL, q->i, q->i, {0, 1, 2, 3}, g->dkernel},
                   {h, q->h0, q->u, q->u, {0, 1, 2, 3}, g->drecurrent_kernel}},
        .bias_panel = {0, 1, 2, 3},
    });
}
