# Rows, and pixels between pixels.


def first_outside(cnp.ndarray index not None, Py_ssize_t limit):
    index = plain(index)
    cdef Py_ssize_t j, size = cnp.PyArray_SIZE(index)
    cdef const int32_t *narrow = <const int32_t *>data(index)
    cdef const int64_t *wide = <const int64_t *>data(index)
    if cnp.PyArray_TYPE(index) == cnp.NPY_INT32:
        for j in range(size):
            if narrow[j] < 0 or narrow[j] >= limit:
                return j
    elif cnp.PyArray_TYPE(index) == cnp.NPY_INT64:
        for j in range(size):
            if wide[j] < 0 or wide[j] >= limit:
                return j
    else:
        raise TypeError(f"indices and labels are int32 or int64. Received: {index.dtype}. Convert them with astype.")
    return -1


def argmax(cnp.ndarray x not None):
    cdef int t = float_type(x, "x")
    x = dense(x, t, "x")
    cdef Py_ssize_t n = rows(x), d = last_axis(x)
    cdef cnp.ndarray index = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x) - 1, cnp.PyArray_DIMS(x), cnp.NPY_INT64, 0)
    cdef address px = data(x)
    cdef int64_t *pi = <int64_t *>data(index)
    with nogil:
        table(t).argmax(n, d, px, pi)
    return index


def count_argmax(cnp.ndarray x not None, cnp.ndarray labels not None):
    cdef int t = float_type(x, "x")
    x, labels = dense(x, t, "x"), dense_int32(labels)
    cdef Py_ssize_t n = rows(x), d = last_axis(x), count
    cdef address px = data(x), pl = data(labels)
    with nogil:
        count = table(t).count_argmax(n, d, px, <const int32_t *>pl)
    return count


cdef cnp.ndarray row_index(cnp.ndarray index, str name):
    if cnp.PyArray_TYPE(index) != cnp.NPY_INT64:
        raise TypeError(f"{name}: index is int64. Received: {index.dtype}")
    return plain(index)


def take_rows(cnp.ndarray source not None, cnp.ndarray index not None):
    cdef cnp.dtype descr = source.dtype
    if descr.hasobject or not PyArray_IS_C_CONTIGUOUS(source):
        return source[index]  # objects and views go NumPy's way
    index = row_index(index, "take_rows")
    cdef Py_ssize_t count = cnp.PyArray_SIZE(index), row_bytes = cnp.PyArray_ITEMSIZE(source)
    cdef int axis, ndim = cnp.PyArray_NDIM(source)
    cdef cnp.npy_intp shape[64]
    shape[0] = count
    for axis in range(1, ndim):
        shape[axis] = cnp.PyArray_DIMS(source)[axis]
        row_bytes *= shape[axis]
    cdef cnp.ndarray out
    cdef int t = cnp.PyArray_TYPE(source)
    if (t == cnp.NPY_FLOAT32 or t == cnp.NPY_FLOAT64) and cnp.PyArray_ISNOTSWAPPED(source):
        out = new_array(ndim, shape, t)
    else:
        Py_INCREF(descr)  # PyArray_NewFromDescr takes it over
        out = PyArray_NewFromDescr(&PyArray_Type, descr, ndim, shape, NULL, NULL, 0, None)
    cdef address ps = data(source), po = data(out)
    cdef const int64_t *pi = <const int64_t *>data(index)
    with nogil:
        cdl_take_rows(count, row_bytes, ps, pi, po)
    return out


def sum_rows(cnp.ndarray x not None, cnp.ndarray index not None):
    cdef int t = float_type(x, "x")
    x, index = dense(x, t, "x"), row_index(index, "sum_rows")
    cdef Py_ssize_t groups, d = last_axis(x)
    cdef cnp.npy_intp shape[2]
    shape[0] = cnp.PyArray_SIZE(index) + 1
    cdef cnp.ndarray order = cnp.PyArray_EMPTY(1, shape, cnp.NPY_INT64, 0)
    cdef cnp.ndarray start = cnp.PyArray_EMPTY(1, shape, cnp.NPY_INT64, 0)
    cdef cnp.ndarray used = cnp.PyArray_EMPTY(1, shape, cnp.NPY_INT64, 0)
    cdef int64_t *pi = <int64_t *>data(index)
    cdef int64_t *po = <int64_t *>data(order)
    cdef int64_t *ps = <int64_t *>data(start)
    cdef int64_t *pu = <int64_t *>data(used)
    with nogil:
        groups = cdl_group_rows(shape[0] - 1, pi, po, ps, pu)
    if groups < 0:
        raise MemoryError("sum_rows: no memory to sort the indices")
    shape[0], shape[1] = groups, d
    cdef cnp.ndarray sums = new_array(2, shape, t)
    cdef address px = data(x), py = data(sums)
    with nogil:
        table(t).sum_rows(groups, d, px, po, ps, py)
    return used[:groups].copy(), sums


def put_rows(cnp.ndarray target not None, cnp.ndarray index not None, cnp.ndarray rows not None):
    cdef int t = float_type(target, "target")
    if not cnp.PyArray_ISCARRAY(target):
        raise ValueError("put_rows: the target is a C-contiguous array that may be written to")
    index = row_index(index, "put_rows")
    rows = dense(rows, t, "rows")
    cdef Py_ssize_t count = cnp.PyArray_SIZE(index)
    cdef Py_ssize_t row_bytes = cnp.PyArray_ITEMSIZE(rows) * (cnp.PyArray_SIZE(rows) // count if count else 0)
    cdef address pt = data(target), pr = data(rows)
    cdef const int64_t *pi = <const int64_t *>data(index)
    with nogil:
        cdl_put_rows(count, row_bytes, pr, pi, pt)


cdef dict FILL_MODE = {"constant": 0, "nearest": 1, "reflect": 2, "wrap": 3}  # the order of cdl_fill_mode


def affine_sample(cnp.ndarray x not None, cnp.ndarray transforms not None, tuple size, str interpolation,
                  str fill_mode, double fill_value):
    cdef int t = float_type(x, "x")
    x, transforms = dense(x, t, "x"), dense(transforms, t, "transforms")
    cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(x)
    cdef cnp.npy_intp shape[4]
    shape[0], shape[1], shape[2], shape[3] = dims[0], size[0], size[1], dims[3]
    cdef cnp.ndarray y = new_array(4, shape, t)
    cdef cdl_sampling s = cdl_sampling(
        dims[0], dims[1], dims[2], dims[3], shape[1], shape[2], interpolation == "bilinear",
        <cdl_fill_mode><int>FILL_MODE[fill_mode], fill_value)
    cdef address px = data(x), pt = data(transforms), py = data(y)
    with nogil:
        table(t).affine_sample(&s, px, pt, py)
    return y
