/* simple_rnn.c - one step of the plain recurrent layer, and back.  The loops around it: recurrent.c. */

static void simple_rnn_step(const recurrence *r, strip *s)
{
    const cdl_sequence *q = &r->q;
    const ptrdiff_t i = q->i, u = q->u;
    ptrdiff_t width;
    for (ptrdiff_t j = 0; j < u; j += width) {
        width = block_width(&r->w, s->rows, j);
        add_terms(r, s, j, width, s->now, (gate_terms){0, 0, 1, s->from, s->to, 0});
        finish(r->f, 1, s->rows * width, s->z, 0);
        for (ptrdiff_t row = 0; row < s->rows; row++) {
            const int here = present(q, s->first + row, s->step);
            const real *from = here ? s->z + row * width : s->now + row * s->row + i + j;
            for (ptrdiff_t v = 0; v < width; v += VL)
                store(s->next + row * s->row + i + j + v, load(from + v));
        }
    }
}

static int simple_rnn(const cdl_sequence *q, cdl_function f, void *h, void *kept)
{
    recurrence r = {.q = *q, .step = simple_rnn_step, .h = h, .kept = kept, .f = f};
    r.bias[0][0] = q->bias;
    return run_recurrence(&r, 1);
}

static void simple_rnn_step_back(const way_back *b, strip_back *s)
{
    const ptrdiff_t u = b->q.u, U = s->U;
    for (ptrdiff_t row = 0; row < s->rows; row++) {
        const real *h = kept_row(b, s, row, 0), *given = given_dh(b, s, row);
        real *carried = s->dh + row * U, *dz = s->more + row * U;
        const int here = present(&b->q, s->first + row, s->step);
        for (ptrdiff_t j = 0; given && j < U; j += VL)
            store(carried + j, load(carried + j) + load_n(given + j, u - j));
        if (here) {
            activation_job job = {{b->f, {0}}, h, h, carried, dz};
            activation_task(&job, 0, u);
        }
        for (ptrdiff_t j = 0; j < U; j += VL) {
            store(dz_of_row(s, row) + j, here ? load(dz + j) : splat(0));
            if (here)
                store(carried + j, splat(0));
        }
    }
}

static int simple_rnn_backward(const cdl_sequence *q, cdl_function f, const void *kept, const cdl_sequence_gradients *g)
{
    const ptrdiff_t zero = 0;
    const axis gate = {1, q->u, 1, &zero};
    way_back b = {.q = *q, .g = *g, .step = simple_rnn_step_back, .dx_gates = gate, .dh_gates = gate,
                  .kept = kept, .parts = 1, .dz_parts = 1, .f = f};
    return run_back(&b, 1, (weight_job){
        .factors = 2, .biases = 1,
        .factor = {factor_of_x(&b, (gates_of_parts){{0}}), factor_of_h(&b, (gates_of_parts){{0}})},
        .bias_part = {0},
    });
}
