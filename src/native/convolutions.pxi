# Convolution and its transpose.


def convolution(cnp.ndarray x not None, cnp.ndarray kernel not None, cnp.ndarray bias, strides, padding, dilation,
                Py_ssize_t groups, str activation):
    cdef int t = float_type(x, "x")
    x, kernel = dense(x, t, "x"), dense(kernel, t, "kernel")
    if bias is not None:
        bias = dense(bias, t, "bias")
    cdef cdl_windows w = windows_of((<object>x).shape, (<object>kernel).shape, strides, padding, dilation)
    cdef Py_ssize_t n = cnp.PyArray_DIMS(x)[0], i = last_axis(x), o = last_axis(kernel)
    cdef cnp.ndarray y = new_images(x, w.out, o, t)
    cdef address px = data(x), pk = data(kernel), pb = data(bias), py = data(y)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(t).convolution(n, i, o, groups, &w, px, pk, pb, f, py)
    if status:
        out_of_memory()
    return y


def convolution_backward(cnp.ndarray x not None, cnp.ndarray kernel not None, cnp.ndarray y not None,
                         cnp.ndarray dy not None, strides, padding, dilation, Py_ssize_t groups, str activation,
                         bint need_dx, bint need_dkernel, bint need_dbias):
    cdef int t = float_type(x, "x")
    x, kernel, y, dy = dense(x, t, "x"), dense(kernel, t, "kernel"), dense(y, t, "y"), dense(dy, t, "dy")
    cdef cdl_windows w = windows_of((<object>x).shape, (<object>kernel).shape, strides, padding, dilation)
    cdef Py_ssize_t n = cnp.PyArray_DIMS(x)[0], i = last_axis(x), o = last_axis(kernel)
    cdef cnp.ndarray dx = like(x) if need_dx else None
    cdef cnp.ndarray dkernel = like(kernel) if need_dkernel else None
    cdef cnp.ndarray dbias = new_array(1, cnp.PyArray_DIMS(y) + cnp.PyArray_NDIM(y) - 1, t) if need_dbias else None
    cdef address px = data(x), pk = data(kernel), py = data(y), pdy = data(dy)
    cdef address pdx = data(dx), pdk = data(dkernel), pdb = data(dbias)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(t).convolution_backward(n, i, o, groups, &w, px, pk, py, pdy, f, pdx, pdk, pdb)
    if status:
        out_of_memory()
    return dx, dkernel, dbias


def convolution_transpose(cnp.ndarray x not None, cnp.ndarray kernel not None, cnp.ndarray bias, output_size, strides,
                          padding, dilation, str activation):
    cdef int t = float_type(x, "x")
    x, kernel = dense(x, t, "x"), dense(kernel, t, "kernel")
    if bias is not None:
        bias = dense(bias, t, "bias")
    cdef Py_ssize_t n = cnp.PyArray_DIMS(x)[0], i = last_axis(x), o = cnp.PyArray_DIMS(kernel)[cnp.PyArray_NDIM(x) - 2]
    cdef cdl_windows w = windows_of((n, *output_size, o), (<object>kernel).shape, strides, padding, dilation)
    cdef cnp.ndarray y = new_images(x, w.points, o, t)
    cdef address px = data(x), pk = data(kernel), pb = data(bias), py = data(y)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(t).convolution_transpose(n, i, o, &w, px, pk, pb, f, py)
    if status:
        out_of_memory()
    return y


def convolution_transpose_backward(cnp.ndarray x not None, cnp.ndarray kernel not None, cnp.ndarray y not None,
                                   cnp.ndarray dy not None, strides, padding, dilation, str activation, bint need_dx,
                                   bint need_dkernel, bint need_dbias):
    cdef int t = float_type(x, "x")
    x, kernel, y, dy = dense(x, t, "x"), dense(kernel, t, "kernel"), dense(y, t, "y"), dense(dy, t, "dy")
    cdef cdl_windows w = windows_of((<object>y).shape, (<object>kernel).shape, strides, padding, dilation)
    cdef Py_ssize_t n = cnp.PyArray_DIMS(x)[0], i = last_axis(x), o = last_axis(y)
    cdef cnp.ndarray dx = like(x) if need_dx else None
    cdef cnp.ndarray dkernel = like(kernel) if need_dkernel else None
    cdef cnp.ndarray dbias = new_array(1, cnp.PyArray_DIMS(y) + cnp.PyArray_NDIM(y) - 1, t) if need_dbias else None
    cdef address px = data(x), pk = data(kernel), py = data(y), pdy = data(dy)
    cdef address pdx = data(dx), pdk = data(dkernel), pdb = data(dbias)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(t).convolution_transpose_backward(n, i, o, &w, px, pk, py, pdy, f, pdx, pdk, pdb)
    if status:
        out_of_memory()
    return dx, dkernel, dbias
