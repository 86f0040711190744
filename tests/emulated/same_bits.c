/* same_bits.c - every primitive on two instruction sets, compared bit by bit, without Python.
 *
 * For processors that one does not have: linked statically, it runs as the only program of an emulated machine
 * (see CONTRIBUTING.md).  Every result lies between canaries, so that a store beyond its end is seen as well.
 *
 *     same_bits [one set] [the other]            by default avx2 and avx512; prints what differs, then a count
 */
#include "cdl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 15, GUARD = 64, OUTPUTS = 8 };

static int is_double, failures, comparisons;
static size_t width;                                    /* bytes of an element */
static double x[6][MOST];                               /* inputs, of either type */
static int32_t labels[MOST];
static int64_t number[MOST], order[MOST], start[MOST + 1], used[MOST];
static unsigned char out[2][OUTPUTS][MOST * 8 + 2 * GUARD];

static void *result(int set, int k)
{
    return out[set][k] + GUARD;
}

static void fill(void)
{
    uint64_t state = 88172645463325252u;
    for (int k = 0; k < 6; k++)
        for (int j = 0; j < MOST; j++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            double value = (double)(int64_t)state / 2305843009213693952.0;      /* -4 .. 4 */
            value = k == 2 ? 0.01 + (value + 4) / 9 : value;                    /* [2]: like probabilities */
            if (is_double)
                x[k][j] = value;
            else
                ((float *)x[k])[j] = (float)value;
        }
}

static void begin(void)
{
    memset(out, 0xA5, sizeof out);
    for (int set = 0; set < 2; set++)                   /* what optimizers update in place */
        for (int k = 4; k < OUTPUTS; k++)
            memcpy(result(set, k), x[k == 4 ? 0 : 2], MOST * width);
}

static void compare(const char *what, ptrdiff_t a, ptrdiff_t b, ptrdiff_t c)
{
    comparisons++;
    if (memcmp(out[0], out[1], sizeof out[0]) != 0) {
        int k = 0;
        while (memcmp(out[0][k], out[1][k], sizeof out[0][k]) == 0)
            k++;
        size_t at = 0;
        while (out[0][k][at] == out[1][k][at])
            at++;
        printf("DIFFERS %s %s %td %td %td: output %d, element %td\n", is_double ? "double" : "float", what, a, b, c, k,
               ((ptrdiff_t)at - GUARD) / (ptrdiff_t)width);
        failures++;
    }
    for (int set = 0; set < 2; set++)
        for (int k = 0; k < OUTPUTS; k++)
            for (int g = 0; g < GUARD; g++)
                if (out[set][k][g] != 0xA5) {
                    printf("BEFORE THE BEGINNING %s %td %td %td\n", what, a, b, c);
                    failures++;
                    return;
                }
}

static void choose(const char *set)
{
    if (cdl_set_isa(set) != 0) {
        printf("this processor does not have %s\n", set);
        exit(2);
    }
}

/* The statement runs on either set; t is its table, s its number. */
#define ON_BOTH(what, a, b, c, ...)                                                                                    \
    do {                                                                                                               \
        begin();                                                                                                       \
        for (int s = 0; s < 2; s++) {                                                                                  \
            choose(sets[s]);                                                                                           \
            const cdl_primitives *t = cdl_table(is_double);                                                            \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
        compare(what, a, b, c);                                                                                        \
    } while (0)

static const char *sets[2] = {"avx2", "avx512"};

static void elements(ptrdiff_t n)
{
    for (int f = CDL_LINEAR; f <= CDL_SPARSE_SIGMOID; f++) {
        cdl_activation a = {f, {0.5, 2, 0.25}};
        ON_BOTH("activation", f, n, 0, (t->activation(a, n, x[0], result(s, 0)),
                                        t->activation_backward(a, n, x[0], result(s, 0), x[1], result(s, 1))));
    }
    ON_BOTH("random", n, 0, 0, (t->random_uniform(7, 9, n, -1, 3, result(s, 0)),
                                t->random_normal(7, 9, n, 1, 2, result(s, 1)),
                                t->dropout(7, 9, n, 0.3, x[0], result(s, 2))));
    for (int option = 0; option < 2; option++) {
        cdl_parameter p[2][2];
        for (int s = 0; s < 2; s++)
            for (int v = 0; v < 2; v++)
                p[s][v] = (cdl_parameter){n / (v + 1), (char *)result(s, 4) + v * n * width, x[1],
                                          {(char *)result(s, 5) + v * n * width, (char *)result(s, 6) + v * n * width,
                                           (char *)result(s, 7) + v * n * width}, 0.01};
        for (int rule = 0; rule < 10; rule++)
            ON_BOTH("rule", n, rule, option, {
                const cdl_rule rules[10] = {t->sgd, t->momentum, t->adagrad, t->adadelta, t->rmsprop,
                                            t->adam, t->nadam, t->adamax, t->lion, t->ftrl};
                cdl_step step = {.count = 2, .parameters = p[s], .learning_rate = 0.1, .gradient_rate = 0.2,
                                 .momentum = 0.5 * option, .nesterov = option, .centered = option, .rho = 0.9,
                                 .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-7, .power = 0.5 + 0.2 * option,
                                 .beta = 1, .l1 = 0.3, .l2 = 0.1, .l2_shrinkage = 0.05};
                rules[rule](&step);
            });
    }
    ON_BOTH("penalty", n, 0, 0, {
        double total;
        t->penalty(n, x[0], 0.1, 0.2, x[1], result(s, 1), &total);
        memcpy(result(s, 0), &total, sizeof total);
    });
}

static void rows(ptrdiff_t n, ptrdiff_t d)
{
    ON_BOTH("softmax", n, d, 0, (t->softmax(n, d, x[0], result(s, 0)),
                                 t->softmax_backward(n, d, result(s, 0), x[1], result(s, 1))));
    ON_BOTH("log_softmax", n, d, 0, (t->log_softmax(n, d, x[0], result(s, 0)),
                                     t->log_softmax_backward(n, d, result(s, 0), x[1], result(s, 1))));
    ON_BOTH("column_sum", n, d, 0, t->column_sum(n, d, x[0], result(s, 0)));
    if (d > 0)
        ON_BOTH("argmax", n, d, 0, (t->argmax(n, d, x[0], (int64_t *)result(s, 0)),
                                    *(int64_t *)result(s, 1) = t->count_argmax(n, d, x[0], labels)));
    for (ptrdiff_t r = 0; r < n; r++)
        number[r] = r * r % 5;
    const ptrdiff_t groups = cdl_group_rows(n, number, order, start, used);
    ON_BOTH("sum_rows", n, d, 0, t->sum_rows(groups, d, x[0], order, start, result(s, 0)));
    for (ptrdiff_t r = 0; r < n && d > 0; r++)
        labels[r] = (int32_t)(r * 7 % d);
    for (int option = 0; option < 4 && d > 0; option++) {
        cdl_loss loss = {.n = n, .d = d, .y_true = x[2], .y_pred = option & 1 ? x[0] : x[2], .weight = option & 2 ? x[1] : NULL,
                         .scale = 0.25, .from_logits = option & 1, .epsilon = 1e-7, .label_smoothing = 0.1};
        cdl_loss sparse = loss;
        sparse.y_true = labels;
#define LOSS(name, which)                                                                                              \
        ON_BOTH(#name, n, d, option, {                                                                                 \
            which.values = result(s, 0), which.dy = result(s, 1);                                                      \
            double total = t->name(&which);                                                                            \
            memcpy(result(s, 2), &total, sizeof total);                                                                \
        })
        LOSS(mean_squared_error, loss);
        LOSS(mean_absolute_error, loss);
        LOSS(binary_crossentropy, loss);
        LOSS(categorical_crossentropy, loss);
        LOSS(sparse_categorical_crossentropy, sparse);
    }
}

static void products(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k)
{
    for (int form = 0; form < 4; form++) {
        cdl_matrix a = form & 1 ? (cdl_matrix){x[0], 1, m} : (cdl_matrix){x[0], k, 1};
        cdl_matrix b = form & 2 ? (cdl_matrix){x[1], 1, k} : (cdl_matrix){x[1], n, 1};
        for (int f = CDL_LINEAR; f <= CDL_LAST_FUSABLE; f++)
            ON_BOTH("gemm", m, n, k, t->gemm(m, n, k, a, b, f % 2 ? x[3] : NULL, f, 0, result(s, 0), n));
        ON_BOTH("gemm +=", m, n, k, t->gemm(m, n, k, a, b, NULL, CDL_LINEAR, 1, result(s, 4), n));
    }
    for (int f = CDL_LINEAR; f <= CDL_LAST_FUSABLE; f++)
        ON_BOTH("linear", m, n, k, (t->linear(m, k, n, x[0], x[1], x[3], f, result(s, 0)),
                                    t->linear_backward(m, k, n, x[0], x[1], result(s, 0), x[3], f, result(s, 1),
                                                       result(s, 2), result(s, 3))));
}

static void samples(ptrdiff_t h, ptrdiff_t w, ptrdiff_t c)
{
    for (int form = 0; form < 8; form++) {
        cdl_sampling g = {.n = 2, .h = h, .w = w, .c = c, .out_h = 5, .out_w = 67, .bilinear = form & 1,
                          .fill_mode = (cdl_fill_mode)(form / 2), .fill_value = 0.5};
        if (h * w > 0 || g.fill_mode == CDL_FILL_CONSTANT)
            ON_BOTH("affine_sample", h, w, form, t->affine_sample(&g, x[0], x[1], result(s, 0)));
    }
}

/* n images of 7 x 6 pixels with c channels, under windows of some shapes. */
static void pools(ptrdiff_t n, ptrdiff_t c)
{
    static const cdl_windows windows[] = {
        {{1, 7, 6}, {1, 3, 3}, {1, 2, 2}, {1, 2, 2}, {1, 1, 1}, {0, 0, 0}},
        {{1, 7, 6}, {1, 4, 5}, {1, 3, 2}, {1, 2, 1}, {1, 1, 1}, {0, 1, 0}},
        {{1, 7, 6}, {1, 2, 2}, {1, 2, 1}, {1, 4, 3}, {1, 1, 1}, {0, 0, 0}},
        {{7, 2, 3}, {3, 2, 2}, {2, 1, 2}, {2, 1, 2}, {1, 1, 1}, {0, 0, 1}},
    };
    for (int k = 0; k < 4; k++) {
        const cdl_windows *w = &windows[k];
        ON_BOTH("pool", n, c, k, (t->max_pool(n, c, w, x[0], result(s, 0)),
                                  t->max_pool_backward(n, c, w, x[0], result(s, 0), x[1], result(s, 1)),
                                  t->average_pool(n, c, w, x[0], result(s, 2)),
                                  t->average_pool_backward(n, c, w, x[1], result(s, 3))));
    }
}

/* n images of 7 x 6 pixels, i channels in and o out: plain windows, strides, dilation, and those of winograd.c. */
static void convolutions(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o)
{
    static const cdl_windows windows[] = {
        {{1, 7, 6}, {1, 7, 6}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}},
        {{1, 7, 6}, {1, 3, 2}, {1, 5, 5}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}},
        {{1, 1, 42}, {1, 1, 38}, {1, 1, 5}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}},
        {{1, 7, 6}, {1, 4, 3}, {1, 3, 2}, {1, 2, 2}, {1, 1, 1}, {0, 1, 0}},
        {{1, 7, 6}, {1, 3, 4}, {1, 3, 2}, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}},
        {{7, 2, 3}, {7, 2, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}},
    };
    for (int k = 0; k < 6; k++) {
        const cdl_windows *w = &windows[k];
        for (int f = CDL_LINEAR; f <= CDL_RELU; f++) {
            ON_BOTH("convolution", i, o, k, (t->convolution(n, i, o, 1, w, x[0], x[1], x[3], f, result(s, 0)),
                                             t->convolution_backward(n, i, o, 1, w, x[0], x[1], result(s, 0), x[3], f,
                                                                     result(s, 1), result(s, 2), result(s, 3))));
            ON_BOTH("transposed", o, i, k, (t->convolution_transpose(n, o, i, w, x[0], x[1], x[3], f, result(s, 0)),
                                            t->convolution_transpose_backward(n, o, i, w, x[0], x[1], result(s, 0), x[3],
                                                                              f, result(s, 1), result(s, 2),
                                                                              result(s, 3))));
        }
        ON_BOTH("depthwise", i, 2 * i, k, (t->convolution(n, i, 2 * i, i, w, x[0], x[1], x[3], CDL_RELU, result(s, 0)),
                                           t->convolution_backward(n, i, 2 * i, i, w, x[0], x[1], result(s, 0), x[3],
                                                                   CDL_RELU, result(s, 1), result(s, 2), result(s, 3))));
    }
}

static void norms(ptrdiff_t n, ptrdiff_t d)
{
    ON_BOTH("batch_norm", n, d, 0, (t->batch_norm(n, d, x[0], x[1], x[3], 1e-3, result(s, 0), result(s, 1), result(s, 2)),
                                    t->batch_norm_backward(n, d, x[0], x[1], x[3], x[2], x[4], 1e-3, result(s, 3),
                                                           result(s, 4), result(s, 5)),
                                    t->scale_shift(n, d, x[0], x[1], x[3], result(s, 6))));
    ON_BOTH("layer_norm", n, d, 0, (t->layer_norm(n, d, x[0], x[1], x[3], 1e-3, result(s, 0)),
                                    t->layer_norm_backward(n, d, x[0], x[1], x[3], 1e-3, result(s, 1), result(s, 2),
                                                           result(s, 3)),
                                    t->rms_norm(n, d, x[0], x[1], 1e-3, result(s, 4)),
                                    t->rms_norm_backward(n, d, x[0], x[1], x[3], 1e-3, result(s, 5), result(s, 6))));
}

/* With a mask, every third step is left out. */
static void recurrent(ptrdiff_t n, ptrdiff_t t, ptrdiff_t i, ptrdiff_t u)
{
    static unsigned char mask[MOST];
    for (ptrdiff_t k = 0; k < n * t; k++)
        mask[k] = k % 3 != 1;
    for (int option = 0; option < 2; option++) {
        const cdl_sequence q = {n, t, i, u, x[0], x[1], x[2], x[3], option ? x[4] : NULL, option ? mask : NULL, !option};
        cdl_sequence_gradients g[2];
        for (int s = 0; s < 2; s++)
            g[s] = (cdl_sequence_gradients){x[5], option, option ? NULL : result(s, 3), result(s, 4), result(s, 5),
                                            result(s, 6), result(s, 7)};
        for (int f = CDL_LINEAR; f <= CDL_LAST_FUSABLE; f++)
            ON_BOTH("simple_rnn", n, i, u, (t->simple_rnn(&q, f, result(s, 0), result(s, 2)),
                                            t->simple_rnn_backward(&q, f, result(s, 2), &g[s])));
        ON_BOTH("lstm", n, i, u, (t->lstm(&q, x[2], result(s, 0), result(s, 1), result(s, 2)),
                                  t->lstm_backward(&q, x[2], result(s, 2), &g[s], option ? x[4] : NULL, result(s, 1))));
        ON_BOTH("gru", n, i, u, (t->gru(&q, option, result(s, 0), result(s, 2)),
                                 t->gru_backward(&q, option, result(s, 2), &g[s])));
        ON_BOTH("gru, reset the other way", n, i, u, (t->gru(&q, !option, result(s, 0), result(s, 2)),
                                                      t->gru_backward(&q, !option, result(s, 2), &g[s])));
    }
}

int main(int count, char **arguments)
{
    if (count == 3)
        sets[0] = arguments[1], sets[1] = arguments[2];
    static const ptrdiff_t sizes[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 67, 101};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    for (is_double = 0; is_double < 2; is_double++) {
        width = is_double ? 8 : 4;
        fill();
        for (int i = 0; i < COUNT; i++)
            elements(sizes[i]);
        elements(5003);
        for (int i = 0; i < COUNT; i++)
            for (int j = i % 3; j < COUNT; j += 3)
                rows(sizes[i], sizes[j]);
        for (int i = 0; i < COUNT; i++)
            for (int j = i % 2; j < COUNT; j += 4)
                for (int l = (i + j) % 3; l < COUNT; l += 5)
                    products(sizes[i], sizes[j], sizes[l]);
        for (int i = 0; i < COUNT; i++)
            samples(sizes[i], sizes[COUNT - 1 - i], i < 4 ? i : 3);
        for (int i = 1; i < COUNT - 3; i++)
            for (int j = 1 + i % 2; j < COUNT - 3; j += 2)
                convolutions(1 + (i + j) % 5, sizes[i], sizes[j]);
        for (int i = 0; i < COUNT; i++) {
            pools(1 + i % 3, sizes[i]);
            for (int j = 1; j < COUNT; j++)
                if (sizes[i] > 0)
                    norms(sizes[i], sizes[j]);
        }
        for (int k = 0; k < COUNT - 3; k++)
            for (int l = k % 3; l < COUNT - 3; l += 3)
                recurrent(1 + (k + l) % 7, 1 + l % 4, sizes[k], sizes[l]);
        recurrent(60, 3, 5, 17);
        recurrent(1, 10, 20, 64);
        norms(1000, 9);
        products(17, 24, 1100);
        products(1, 72, 400);
    }
    printf("%s and %s: %d passed, %d failed\n", sets[0], sets[1], comparisons - failures, failures);
    return failures > 0;
}
