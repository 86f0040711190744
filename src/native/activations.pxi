# Activations.


def activation(cnp.ndarray x not None, str function, *parameters):
    cdef int t = float_type(x, "x")
    x = dense(x, t, "x")
    cdef cnp.ndarray y = like(x)
    cdef cdl_activation f = describe(function, parameters)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x)
    cdef address px = data(x), py = data(y)
    with nogil:
        table(t).activation(f, size, px, py)
    return y


def activation_backward(cnp.ndarray x not None, cnp.ndarray y not None, cnp.ndarray dy not None, str function,
                        *parameters):
    cdef int t = float_type(x, "x")
    x, y, dy = dense(x, t, "x"), dense(y, t, "y"), dense(dy, t, "dy")
    cdef cnp.ndarray dx = like(x)
    cdef cdl_activation f = describe(function, parameters)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x)
    cdef address px = data(x), py = data(y), pdy = data(dy), pdx = data(dx)
    with nogil:
        table(t).activation_backward(f, size, px, py, pdy, pdx)
    return dx


ctypedef void (*row_function)(Py_ssize_t, Py_ssize_t, const void *, void *) noexcept nogil
ctypedef void (*row_gradient)(Py_ssize_t, Py_ssize_t, const void *, const void *, void *) noexcept nogil


cdef cnp.ndarray by_row(row_function f, cnp.ndarray x, int t):
    cdef cnp.ndarray y = like(x)
    cdef Py_ssize_t n = rows(x), d = last_axis(x)
    cdef address px = data(x), py = data(y)
    with nogil:
        f(n, d, px, py)
    return y


cdef cnp.ndarray by_row_backward(row_gradient f, cnp.ndarray y, cnp.ndarray dy, int t):
    cdef cnp.ndarray dx = like(y)
    cdef Py_ssize_t n = rows(y), d = last_axis(y)
    cdef address py = data(y), pdy = data(dy), pdx = data(dx)
    with nogil:
        f(n, d, py, pdy, pdx)
    return dx


def softmax(cnp.ndarray x not None):
    cdef int t = float_type(x, "x")
    return by_row(table(t).softmax, dense(x, t, "x"), t)


def softmax_backward(cnp.ndarray y not None, cnp.ndarray dy not None):
    cdef int t = float_type(y, "y")
    return by_row_backward(table(t).softmax_backward, dense(y, t, "y"), dense(dy, t, "dy"), t)


def log_softmax(cnp.ndarray x not None):
    cdef int t = float_type(x, "x")
    return by_row(table(t).log_softmax, dense(x, t, "x"), t)


def log_softmax_backward(cnp.ndarray y not None, cnp.ndarray dy not None):
    cdef int t = float_type(y, "y")
    return by_row_backward(table(t).log_softmax_backward, dense(y, t, "y"), dense(dy, t, "dy"), t)
