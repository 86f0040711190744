/* simple_rnn.c - one step of the plain recurrent layer, and back.  The loops around it: recurrent.c. */

static void simple_rnn_step(const recurrence *r, strip *s)
{
    const cdl_sequence *q = &r->q;
    const ptrdiff_t i = q->i, u = q->u;
    ptrdiff_t width;
    for (ptrdiff_t j = 0; j < u; j += width) {
        width = block_width(&r->w, s->rows, j);
        add_terms(&r->w, (term){0, j, width, 0, i + u, s->bias + j, 0}, s->rows, s->now, s->row, s->z);
        finish(r->f, 1, s->rows * width, s->z, 0);
        for (ptrdiff_t row = 0; row < s->rows; row++) {
            const int here = present(q, s->first + row, s->step);
            const real *from = here ? s->z + row * width : s->now + row * s->row + i + j;
            real *h = r->h + place_in_time(q, s, row) * u + j;
            for (ptrdiff_t v = 0; v < width; v += VL) {
                store(s->next + row * s->row + i + j + v, load(from + v));
                store_n(h + v, u - j - v, load(from + v));
            }
        }
    }
}

static int simple_rnn(const cdl_sequence *q, cdl_function f, void *h)
{
    recurrence r = {.q = *q, .step = simple_rnn_step, .h = h, .f = f};
    r.bias[0][0] = q->bias;
    return run_recurrence(&r, 1);
}

static void simple_rnn_step_back(const way_back *b, strip_back *s)
{
    const ptrdiff_t u = b->q.u, U = s->U;
    for (ptrdiff_t row = 0; row < s->rows; row++) {
        const real *h = b->h + ((s->first + row) * b->q.t + s->step) * u, *given = given_dh(b, s, row);
        real *carried = s->dh + row * U, *dz = s->more + row * U;
        const int here = present(&b->q, s->first + row, s->step);
        const dz_row to = dz_of_row(b, s, row);
        for (ptrdiff_t j = 0; given && j < U; j += VL)
            store(carried + j, load(carried + j) + load_n(given + j, u - j));
        if (here) {
            activation_job job = {{b->f, {0}}, h, h, carried, dz};
            activation_task(&job, 0, u);
        }
        for (ptrdiff_t j = 0; j < U; j += VL) {
            put_dz(&to, 0, j, here ? load(dz + j) : splat(0));
            if (here)
                store(carried + j, splat(0));
        }
    }
}

static int simple_rnn_backward(const cdl_sequence *q, cdl_function f, const void *h, const cdl_sequence_gradients *g)
{
    const ptrdiff_t zero = 0;
    const axis gate = {1, q->u, 1, &zero};
    way_back b = {.q = *q, .g = *g, .step = simple_rnn_step_back, .dx_gates = gate, .dh_gates = gate, .h = h, .f = f};
    return run_back(&b, 1, 1, (weight_job){
        .factors = 2, .biases = 1,
        .factor = {{q->x, NULL, q->i, q->i, {0}, g->dkernel}, {h, q->h0, q->u, q->u, {0}, g->drecurrent_kernel}},
        .bias_panel = {0},
    });
}
