/* convolution.c - convolution and its gradients, as products of a matrix that is never stored.
 *
 * Let W[p][t] be what window p sees at its element t.  Then
 *
 *     y = f(W kernel + bias)                                            convolution_forward.c
 *     dx = the rows of  dz kernel'  added where they came from          convolution_input_gradient.c
 *     dkernel = W' dz                                                   convolution_kernel_gradient.c
 *
 * W's rows and columns are the two axes of windows.c, so gemm's tile reads it in the images themselves.
 * A transposed convolution is the same three with y and x exchanged.
 */

static int convolution(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w, const void *x,
                       const void *kernel, const void *bias, cdl_function f, void *y)
{
    return forward(n, i, o, groups, w, (field){x, NULL, CDL_LINEAR}, kernel, bias, f, y);
}

static int convolution_backward(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, ptrdiff_t groups, const cdl_windows *w,
                                const void *x, const void *kernel, const void *y, const void *dy, cdl_function f, void *dx,
                                void *dkernel, void *dbias)
{
    const field image = {x, NULL, CDL_LINEAR}, dz = {dy, y, f};
    int status = 0;
    if (dx)
        status |= input_gradient(n, i, o, groups, w, dz, kernel, NULL, CDL_LINEAR, dx);
    if (dkernel || dbias)
        status |= kernel_gradient(n, i, o, groups, w, image, dz, dkernel, dbias);
    return status;
}

/* The windows lie over y, whose channels are the inputs of the convolution that this one turns round. */
static int convolution_transpose(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *w, const void *x,
                                 const void *kernel, const void *bias, cdl_function f, void *y)
{
    return input_gradient(n, o, i, 1, w, (field){x, NULL, CDL_LINEAR}, kernel, bias, f, y);
}

static int convolution_transpose_backward(ptrdiff_t n, ptrdiff_t i, ptrdiff_t o, const cdl_windows *w, const void *x,
                                          const void *kernel, const void *y, const void *dy, cdl_function f, void *dx,
                                          void *dkernel, void *dbias)
{
    const field image = {dy, y, f}, given = {x, NULL, CDL_LINEAR};
    const cdl_windows points = {.in = {1, 1, w->in[0] * w->in[1] * w->in[2]}, .out = {1, 1, w->in[0] * w->in[1] * w->in[2]},
                                .size = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}};
    int status = 0;
    if (dx)
        status |= forward(n, o, i, 1, w, image, kernel, NULL, CDL_LINEAR, dx);
    if (dkernel)
        status |= kernel_gradient(n, o, i, 1, w, image, given, dkernel, NULL);
    if (dbias)
        status |= kernel_gradient(n, 0, o, 1, &points, given, image, NULL, dbias);
    return status;
}
