/* optim.c - the optimizer rules.
 *
 * A step is one parallel region over the elements of all variables, put end to end: a network has many small variables, and
 * threads share them evenly.  Value, gradient and state go through registers once.
 *
 * A rule is written once, for one register, and is pure arithmetic.  RULE(name, nanoseconds, slots) { ... } returns the new
 * value, given the decayed one and the gradient, and changes slot[0], ..., slot[slots - 1].  A slot that variables do not
 * have is zeros.  nanoseconds: per element, on one thread, with everything in cache.
 */

typedef struct {
    real *value, *slot[3];
    const real *grad;
    double decay;
} variable;

typedef vec rule_at(cdl_step r, vec value, vec grad, vec *slot);

static inline __attribute__((always_inline)) void change(cdl_step r, variable v, ptrdiff_t j, ptrdiff_t n, int slots,
                                                         rule_at at)
{
    vec value = load_n(v.value + j, n), slot[3];
    for (int s = 0; s < slots; s++)
        slot[s] = v.slot[s] ? load_n(v.slot[s] + j, n) : splat(0);
    value = at(r, vfma(splat(-v.decay), value, value), load_n(v.grad + j, n), slot);
    store_n(v.value + j, n, value);
    for (int s = 0; s < slots; s++)
        if (v.slot[s])
            store_n(v.slot[s] + j, n, slot[s]);
}

/* Where a slice that ends at element j of all, counted from the start of this variable, ends in it.  Inside a variable that
 * is a multiple of LANES: two threads do not share a cache line. */
static ptrdiff_t cut(ptrdiff_t j, ptrdiff_t size)
{
    j = (j + LANES - 1) & -(ptrdiff_t)LANES;
    return j < 0 ? 0 : j > size ? size : j;
}

static inline __attribute__((always_inline)) void each_register(const void *arg, ptrdiff_t begin, ptrdiff_t end, int slots,
                                                                rule_at at)
{
    const cdl_step r = *(const cdl_step *)arg;
    for (const cdl_parameter *p = r.parameters; end > 0; begin -= p->size, end -= p->size, p++) {
        const variable v = {p->value, {p->slot[0], p->slot[1], p->slot[2]}, p->grad, p->decay};
        ptrdiff_t j = cut(begin, p->size), stop = cut(end, p->size);
        for (; j + VL <= stop; j += VL)
            change(r, v, j, VL, slots, at);
        if (j < stop)
            change(r, v, j, stop - j, slots, at);
    }
}

static void take_step(const cdl_step *r, double nanoseconds, cdl_task *task)
{
    enum { GRAIN = 4096 };
    ptrdiff_t size = 0;
    for (ptrdiff_t k = 0; k < r->count; k++)
        size += r->parameters[k].size;
    cdl_parallel(size, GRAIN, nanoseconds * size, task, (void *)r);
}

#define RULE(name, nanoseconds, slots)                                       \
    static inline vec name##_at(cdl_step r, vec value, vec grad, vec *slot); \
    static void name##_task(void *arg, ptrdiff_t begin, ptrdiff_t end)       \
    {                                                                        \
        each_register(arg, begin, end, slots, name##_at);                    \
    }                                                                        \
    static void name(const cdl_step *step)                                   \
    {                                                                        \
        take_step(step, nanoseconds, name##_task);                           \
    }                                                                        \
    static inline vec name##_at(cdl_step r, vec value, vec grad, vec *slot)

/* (1 - part) * mean + part * x */
static inline vec towards(vec mean, vec x, double part)
{
    return vfma(x - mean, splat(part), mean);
}

/* The same with x * x, whose square is not rounded. */
static inline vec towards_square(vec mean, vec x, double part)
{
    return vfma(vfma(x, x, -mean), splat(part), mean);
}

RULE(sgd, 0.1, 0)
{
    (void)slot;
    return vfma(splat(-r.learning_rate), grad, value);
}

RULE(momentum, 0.2, 1)
{
    vec *velocity = &slot[0], down = splat(-r.learning_rate) * grad;
    *velocity = vfma(splat(r.momentum), *velocity, down);
    return value + (r.nesterov ? vfma(splat(r.momentum), *velocity, down) : *velocity);
}

RULE(adagrad, 0.4, 1)
{
    vec *square = &slot[0];
    *square = vfma(grad, grad, *square);
    return value - splat(r.learning_rate) * grad / vsqrt(*square + splat(r.epsilon));
}

RULE(adadelta, 0.6, 2)
{
    vec *square = &slot[0], *square_step = &slot[1], epsilon = splat(r.epsilon);
    *square = towards_square(*square, grad, 1 - r.rho);
    vec step = vsqrt((*square_step + epsilon) / (*square + epsilon)) * grad;
    *square_step = towards_square(*square_step, step, 1 - r.rho);
    return vfma(splat(-r.learning_rate), step, value);
}

RULE(rmsprop, 0.4, 3)
{
    vec *square = &slot[0], *velocity = &slot[1], *mean = &slot[2];         /* the last two are optional */
    vec rho = splat(r.rho), rest = splat(1 - r.rho);
    *square = vfma(rho, *square, rest * (grad * grad));
    vec variance = *square;
    if (r.centered) {
        *mean = vfma(rho, *mean, rest * grad);
        variance = vmax(splat(0), vfma(-*mean, *mean, *square));            /* below 0 by rounding only */
    }
    vec step = splat(r.learning_rate) * grad / vsqrt(variance + splat(r.epsilon));
    *velocity = vfma(splat(r.momentum), *velocity, step);
    return value - *velocity;
}

RULE(adam, 0.5, 3)
{
    vec *m = &slot[0], *v = &slot[1], *largest = &slot[2];                  /* the last is optional; v >= 0 */
    *m = towards(*m, grad, 1 - r.beta_1);
    *v = towards_square(*v, grad, 1 - r.beta_2);
    *largest = vmax(*largest, *v);
    return value - splat(r.learning_rate) * *m / (vsqrt(*largest) + splat(r.epsilon));
}

RULE(nadam, 0.5, 2)
{
    vec *m = &slot[0], *v = &slot[1];
    *m = towards(*m, grad, 1 - r.beta_1);
    *v = towards_square(*v, grad, 1 - r.beta_2);
    vec ahead = vfma(splat(r.gradient_rate), grad, splat(r.learning_rate) * *m);
    return value - ahead / (vsqrt(*v) + splat(r.epsilon));
}

RULE(adamax, 0.4, 2)
{
    vec *m = &slot[0], *u = &slot[1];
    *m = towards(*m, grad, 1 - r.beta_1);
    *u = vmax(splat(r.beta_2) * *u, vabs(grad));
    return value - splat(r.learning_rate) * *m / (*u + splat(r.epsilon));
}

/* size * sign(x): 0 for 0, and NaN for NaN */
static inline vec with_sign(double size, vec x)
{
    return vselect((x < splat(0)) | (x > splat(0)), vcopysign(splat(size), x), x);
}

RULE(lion, 0.2, 1)
{
    vec *m = &slot[0], direction = towards(*m, grad, 1 - r.beta_1);
    *m = towards(*m, grad, 1 - r.beta_2);
    return value - with_sign(r.learning_rate, direction);
}

/* x^p for x, p >= 0; 0^0 = 1.  The error grows with |p log x|: 10 ulp where that is 10. */
static inline vec power(vec x, double p)
{
    if (p == 0.5)
        return vsqrt(x);
    return vselect(x == splat(0), splat(p == 0), vexp(splat(p) * vlog(x)));
}

RULE(ftrl, step->power == 0.5 ? 0.9 : 4.5, 2)
{
    vec *n = &slot[0], *z = &slot[1], per_rate = splat(1 / r.learning_rate), l1 = splat(r.l1);
    vec before = power(*n, r.power);
    *n = vfma(grad, grad, *n);
    vec after = power(*n, r.power);
    *z += grad + (splat(2 * r.l2_shrinkage) - (after - before) * per_rate) * value;
    vec clipped = vmax(-l1, vmin(l1, *z));
    return (clipped - *z) / vfma(splat(r.beta) + after, per_rate, splat(2 * r.l2));
}

#undef RULE
