/* optim.c - the optimizer rules.
 *
 * A step is one parallel region over the elements of all variables, put end to end: a network has many small variables, and
 * threads share them evenly.  Each rule is written once, for one register: elements [j, j + n) of one variable, n <= VL.
 */

typedef struct {
    const cdl_parameter *parameters;
    double learning_rate, momentum, beta_1, beta_2, epsilon;        /* beta_2 is the rho of RMSprop */
    int nesterov, centered, amsgrad;
} rule;

typedef struct {
    real *value, *slot[3];
    const real *grad;
    double decay;
} variable;

typedef void rule_at(rule r, variable v, ptrdiff_t j, ptrdiff_t n);

/* Where a slice that ends at element j of all, counted from the start of this variable, ends in it.  Inside a variable that
 * is a multiple of LANES: two threads do not share a cache line. */
static ptrdiff_t cut(ptrdiff_t j, ptrdiff_t size)
{
    j = (j + LANES - 1) & -(ptrdiff_t)LANES;
    return j < 0 ? 0 : j > size ? size : j;
}

static inline __attribute__((always_inline)) void each_register(const void *arg, ptrdiff_t begin, ptrdiff_t end, rule_at at)
{
    const rule r = *(const rule *)arg;
    for (const cdl_parameter *p = r.parameters; end > 0; begin -= p->size, end -= p->size, p++) {
        const variable v = {p->value, {p->slot[0], p->slot[1], p->slot[2]}, p->grad, p->decay};
        ptrdiff_t j = cut(begin, p->size), stop = cut(end, p->size);
        for (; j + VL <= stop; j += VL)
            at(r, v, j, VL);
        if (j < stop)
            at(r, v, j, stop - j);
    }
}

/* nanoseconds: per element, on one thread, with everything in cache. */
static void step(ptrdiff_t count, const rule *r, double nanoseconds, cdl_task *task)
{
    enum { GRAIN = 4096 };
    ptrdiff_t size = 0;
    for (ptrdiff_t k = 0; k < count; k++)
        size += r->parameters[k].size;
    cdl_parallel(size, GRAIN, nanoseconds * size, task, (void *)r);
}

static inline vec decayed(variable v, ptrdiff_t j, ptrdiff_t n)
{
    vec value = load_n(v.value + j, n);
    return vfma(splat(-v.decay), value, value);
}

/* ---- Gradient descent --------------------------------------------------------------------------------------------- */

static inline void sgd_at(rule r, variable v, ptrdiff_t j, ptrdiff_t n)
{
    vec grad = load_n(v.grad + j, n);
    store_n(v.value + j, n, vfma(splat(-r.learning_rate), grad, decayed(v, j, n)));
}

static void sgd_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    each_register(arg, begin, end, sgd_at);
}

static void sgd(ptrdiff_t count, const cdl_parameter *parameters, double learning_rate)
{
    rule r = {.parameters = parameters, .learning_rate = learning_rate};
    step(count, &r, 0.1, sgd_task);
}

static inline void momentum_at(rule r, variable v, ptrdiff_t j, ptrdiff_t n)
{
    vec down = splat(-r.learning_rate) * load_n(v.grad + j, n), momentum = splat(r.momentum);
    vec velocity = vfma(momentum, load_n(v.slot[0] + j, n), down);
    store_n(v.slot[0] + j, n, velocity);
    store_n(v.value + j, n, decayed(v, j, n) + (r.nesterov ? vfma(momentum, velocity, down) : velocity));
}

static void momentum_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    each_register(arg, begin, end, momentum_at);
}

static void momentum(ptrdiff_t count, const cdl_parameter *parameters, double learning_rate, double momentum, int nesterov)
{
    rule r = {.parameters = parameters, .learning_rate = learning_rate, .momentum = momentum, .nesterov = nesterov};
    step(count, &r, 0.15, momentum_task);
}

/* ---- RMSprop ------------------------------------------------------------------------------------------------------ */

static inline void rmsprop_at(rule r, variable v, ptrdiff_t j, ptrdiff_t n)
{
    vec rho = splat(r.beta_2), rest = splat(1 - r.beta_2);
    vec grad = load_n(v.grad + j, n);
    vec square = vfma(rho, load_n(v.slot[0] + j, n), rest * (grad * grad));
    store_n(v.slot[0] + j, n, square);
    vec variance = square;
    if (r.centered) {
        real *mean_grad = v.slot[r.momentum > 0 ? 2 : 1];
        vec mean = vfma(rho, load_n(mean_grad + j, n), rest * grad);
        store_n(mean_grad + j, n, mean);
        variance = vmax(splat(0), vfma(-mean, mean, square));       /* below 0 by rounding only */
    }
    vec down = splat(r.learning_rate) * grad / vsqrt(variance + splat(r.epsilon));
    if (r.momentum > 0) {
        down = vfma(splat(r.momentum), load_n(v.slot[1] + j, n), down);
        store_n(v.slot[1] + j, n, down);
    }
    store_n(v.value + j, n, decayed(v, j, n) - down);
}

static void rmsprop_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    each_register(arg, begin, end, rmsprop_at);
}

static void rmsprop(ptrdiff_t count, const cdl_parameter *parameters, double learning_rate, double rho, double momentum,
                    double epsilon, int centered)
{
    rule r = {.parameters = parameters, .learning_rate = learning_rate, .beta_2 = rho, .momentum = momentum,
              .epsilon = epsilon, .centered = centered};
    step(count, &r, 0.4, rmsprop_task);
}

/* ---- Adam --------------------------------------------------------------------------------------------------------- */

static inline void adam_at(rule r, variable v, ptrdiff_t j, ptrdiff_t n)
{
    vec grad = load_n(v.grad + j, n), m = load_n(v.slot[0] + j, n), s = load_n(v.slot[1] + j, n);
    m = vfma(grad - m, splat(1 - r.beta_1), m);
    s = vfma(vfma(grad, grad, -s), splat(1 - r.beta_2), s);
    store_n(v.slot[0] + j, n, m);
    store_n(v.slot[1] + j, n, s);
    if (r.amsgrad) {
        s = vmax(load_n(v.slot[2] + j, n), s);
        store_n(v.slot[2] + j, n, s);
    }
    store_n(v.value + j, n, decayed(v, j, n) - splat(r.learning_rate) * m / (vsqrt(s) + splat(r.epsilon)));
}

static void adam_task(void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    each_register(arg, begin, end, adam_at);
}

static void adam(ptrdiff_t count, const cdl_parameter *parameters, double rate, double beta_1, double beta_2, double epsilon,
                 int amsgrad)
{
    rule r = {.parameters = parameters, .learning_rate = rate, .beta_1 = beta_1, .beta_2 = beta_2, .epsilon = epsilon,
              .amsgrad = amsgrad};
    step(count, &r, 0.5, adam_task);
}
