# Pooling.


ctypedef void (*pool_function)(Py_ssize_t, Py_ssize_t, const cdl_windows *, const void *, void *) noexcept nogil


cdef cnp.ndarray pooled(pool_function f, cnp.ndarray x, size, strides, padding):
    cdef int t = cnp.PyArray_TYPE(x)
    cdef cdl_windows w = windows_of((<object>x).shape, size, strides, padding, None)
    cdef Py_ssize_t n = cnp.PyArray_DIMS(x)[0], c = last_axis(x)
    cdef cnp.ndarray y = new_images(x, w.out, c, t)
    cdef address px = data(x), py = data(y)
    with nogil:
        f(n, c, &w, px, py)
    return y


def max_pool(cnp.ndarray x not None, size, strides, padding):
    cdef int t = float_type(x, "x")
    return pooled(table(t).max_pool, dense(x, t, "x"), size, strides, padding)


def max_pool_backward(cnp.ndarray x not None, cnp.ndarray y not None, cnp.ndarray dy not None, size, strides, padding):
    cdef int t = float_type(x, "x")
    x, y, dy = dense(x, t, "x"), dense(y, t, "y"), dense(dy, t, "dy")
    cdef cdl_windows w = windows_of((<object>x).shape, size, strides, padding, None)
    cdef Py_ssize_t n = cnp.PyArray_DIMS(x)[0], c = last_axis(x)
    cdef cnp.ndarray dx = like(x)
    cdef address px = data(x), py = data(y), pdy = data(dy), pdx = data(dx)
    with nogil:
        table(t).max_pool_backward(n, c, &w, px, py, pdy, pdx)
    return dx


def average_pool(cnp.ndarray x not None, size, strides, padding):
    cdef int t = float_type(x, "x")
    return pooled(table(t).average_pool, dense(x, t, "x"), size, strides, padding)


def average_pool_backward(cnp.ndarray dy not None, input_size, size, strides, padding):
    cdef int t = float_type(dy, "dy")
    dy = dense(dy, t, "dy")
    cdef Py_ssize_t n = cnp.PyArray_DIMS(dy)[0], c = last_axis(dy)
    cdef cdl_windows w = windows_of((n, *input_size, c), size, strides, padding, None)
    cdef cnp.ndarray dx = new_images(dy, w.points, c, t)
    cdef address pdy = data(dy), pdx = data(dx)
    with nogil:
        table(t).average_pool_backward(n, c, &w, pdy, pdx)
    return dx
