# Random numbers.


cdef cnp.ndarray new_shaped(tuple shape, str dtype):
    cdef cnp.npy_intp sizes[64]
    cdef int axis
    for axis in range(len(shape)):
        sizes[axis] = shape[axis]
    return new_array(len(shape), sizes, cnp.NPY_FLOAT64 if dtype == "float64" else cnp.NPY_FLOAT32)


def random_uniform(tuple shape, uint64_t seed, uint64_t stream, double low, double high, str dtype):
    cdef cnp.ndarray y = new_shaped(shape, dtype)
    cdef int t = cnp.PyArray_TYPE(y)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(y)
    cdef address py = data(y)
    with nogil:
        table(t).random_uniform(seed, stream, size, low, high, py)
    return y


def random_normal(tuple shape, uint64_t seed, uint64_t stream, double mean, double deviation, str dtype):
    cdef cnp.ndarray y = new_shaped(shape, dtype)
    cdef int t = cnp.PyArray_TYPE(y)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(y)
    cdef address py = data(y)
    with nogil:
        table(t).random_normal(seed, stream, size, mean, deviation, py)
    return y


def dropout(cnp.ndarray x not None, double rate, uint64_t seed, uint64_t stream):
    cdef int t = float_type(x, "x")
    x = dense(x, t, "x")
    cdef cnp.ndarray y = like(x)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x)
    cdef address px = data(x), py = data(y)
    with nogil:
        table(t).dropout(seed, stream, size, rate, px, py)
    return y
