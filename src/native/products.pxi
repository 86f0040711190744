# Matrix products.


def linear(cnp.ndarray x not None, cnp.ndarray kernel not None, cnp.ndarray bias, str activation):
    cdef int t = float_type(x, "x")
    x, kernel = dense(x, t, "x"), dense(kernel, t, "kernel")
    if bias is not None:
        bias = dense(bias, t, "bias")
    cdef int ndim = cnp.PyArray_NDIM(x)
    cdef cnp.npy_intp shape[64]
    cdef int axis
    for axis in range(ndim):
        shape[axis] = cnp.PyArray_DIMS(x)[axis]
    cdef Py_ssize_t n = rows(x), i = last_axis(x), o = last_axis(kernel)
    shape[ndim - 1] = o
    cdef cnp.ndarray y = new_array(ndim, shape, t)
    cdef address px = data(x), pk = data(kernel), pb = data(bias), py = data(y)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(t).linear(n, i, o, px, pk, pb, f, py)
    if status:
        out_of_memory()
    return y


def linear_backward(cnp.ndarray x not None, cnp.ndarray kernel not None, cnp.ndarray y not None,
                    cnp.ndarray dy not None, str activation, bint need_dx, bint need_dkernel, bint need_dbias):
    cdef int t = float_type(x, "x")
    x, kernel, y, dy = dense(x, t, "x"), dense(kernel, t, "kernel"), dense(y, t, "y"), dense(dy, t, "dy")
    cdef Py_ssize_t n = rows(x), i = last_axis(x), o = last_axis(kernel)
    cdef cnp.ndarray dx = like(x) if need_dx else None
    cdef cnp.ndarray dkernel = like(kernel) if need_dkernel else None
    cdef cnp.ndarray dbias = new_array(1, cnp.PyArray_DIMS(kernel) + 1, t) if need_dbias else None
    cdef address px = data(x), pk = data(kernel), py = data(y), pdy = data(dy)
    cdef address pdx = data(dx), pdk = data(dkernel), pdb = data(dbias)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(t).linear_backward(n, i, o, px, pk, py, pdy, f, pdx, pdk, pdb)
    if status:
        out_of_memory()
    return dx, dkernel, dbias


def matmul(cnp.ndarray a not None, cnp.ndarray b not None, bint transpose_a, bint transpose_b):
    cdef int t = float_type(a, "a")
    a, b = dense(a, t, "a"), dense(b, t, "b")
    cdef Py_ssize_t a_columns = cnp.PyArray_DIMS(a)[1], b_columns = cnp.PyArray_DIMS(b)[1]
    cdef Py_ssize_t m = cnp.PyArray_DIMS(a)[1 if transpose_a else 0]
    cdef Py_ssize_t k = cnp.PyArray_DIMS(a)[0 if transpose_a else 1]
    cdef Py_ssize_t n = cnp.PyArray_DIMS(b)[0 if transpose_b else 1]
    cdef cdl_matrix A = cdl_matrix(data(a), 1 if transpose_a else a_columns, a_columns if transpose_a else 1)
    cdef cdl_matrix B = cdl_matrix(data(b), 1 if transpose_b else b_columns, b_columns if transpose_b else 1)
    cdef cnp.npy_intp shape[2]
    shape[0], shape[1] = m, n
    cdef cnp.ndarray c = new_array(2, shape, t)
    cdef address pc = data(c)
    cdef int status
    with nogil:
        status = table(t).gemm(m, n, k, A, B, NULL, <cdl_function>0, 0, pc, n)
    if status:
        out_of_memory()
    return c


def column_sum(cnp.ndarray x not None):
    cdef int t = float_type(x, "x")
    x = dense(x, t, "x")
    cdef Py_ssize_t n = rows(x), d = last_axis(x)
    cdef cnp.ndarray total = new_array(1, cnp.PyArray_DIMS(x) + cnp.PyArray_NDIM(x) - 1, t)
    cdef address px = data(x), pt = data(total)
    cdef int status
    with nogil:
        status = table(t).column_sum(n, d, px, pt)
    if status:
        out_of_memory()
    return total
