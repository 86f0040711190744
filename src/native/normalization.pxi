# Normalisation.


def batch_norm(cnp.ndarray x not None, cnp.ndarray gamma, cnp.ndarray beta, double epsilon):
    cdef int t = float_type(x, "x")
    x, gamma, beta = dense(x, t, "x"), dense_or_none(gamma, t, "gamma"), dense_or_none(beta, t, "beta")
    cdef Py_ssize_t n = rows(x), c = last_axis(x)
    cdef cnp.ndarray y = like(x)
    cdef cnp.ndarray mean = new_array(1, cnp.PyArray_DIMS(x) + cnp.PyArray_NDIM(x) - 1, t), variance = like(mean)
    cdef address px = data(x), pg = data(gamma), pb = data(beta), py = data(y), pm = data(mean), pv = data(variance)
    cdef int status
    with nogil:
        status = table(t).batch_norm(n, c, px, pg, pb, epsilon, py, pm, pv)
    if status:
        out_of_memory()
    return y, mean, variance


def batch_norm_backward(cnp.ndarray x not None, cnp.ndarray gamma, cnp.ndarray mean not None,
                        cnp.ndarray variance not None, cnp.ndarray dy not None, double epsilon, bint need_dx):
    cdef int t = float_type(x, "x")
    x, dy, gamma = dense(x, t, "x"), dense(dy, t, "dy"), dense_or_none(gamma, t, "gamma")
    mean, variance = dense(mean, t, "mean"), dense(variance, t, "variance")
    cdef Py_ssize_t n = rows(x), c = last_axis(x)
    cdef cnp.ndarray dx = like(x) if need_dx else None
    cdef cnp.ndarray dgamma = like(mean), dbeta = like(mean)
    cdef address px = data(x), pg = data(gamma), pm = data(mean), pv = data(variance), pdy = data(dy)
    cdef address pdx = data(dx), pdg = data(dgamma), pdb = data(dbeta)
    cdef int status
    with nogil:
        status = table(t).batch_norm_backward(n, c, px, pg, pm, pv, pdy, epsilon, pdx, pdg, pdb)
    if status:
        out_of_memory()
    return dx, dgamma, dbeta


def scale_shift(cnp.ndarray x not None, cnp.ndarray scale not None, cnp.ndarray shift not None):
    cdef int t = float_type(x, "x")
    x, scale, shift = dense(x, t, "x"), dense(scale, t, "scale"), dense(shift, t, "shift")
    cdef Py_ssize_t n = rows(x), c = last_axis(x)
    cdef cnp.ndarray y = like(x)
    cdef address px = data(x), pk = data(scale), ps = data(shift), py = data(y)
    with nogil:
        table(t).scale_shift(n, c, px, pk, ps, py)
    return y


def layer_norm(cnp.ndarray x not None, cnp.ndarray gamma, cnp.ndarray beta, double epsilon):
    cdef int t = float_type(x, "x")
    x, gamma, beta = dense(x, t, "x"), dense_or_none(gamma, t, "gamma"), dense_or_none(beta, t, "beta")
    cdef Py_ssize_t n = rows(x), d = last_axis(x)
    cdef cnp.ndarray y = like(x)
    cdef address px = data(x), pg = data(gamma), pb = data(beta), py = data(y)
    with nogil:
        table(t).layer_norm(n, d, px, pg, pb, epsilon, py)
    return y


def layer_norm_backward(cnp.ndarray x not None, cnp.ndarray gamma, cnp.ndarray dy not None, double epsilon,
                        bint need_dgamma, bint need_dbeta):
    cdef int t = float_type(x, "x")
    x, dy, gamma = dense(x, t, "x"), dense(dy, t, "dy"), dense_or_none(gamma, t, "gamma")
    cdef Py_ssize_t n = rows(x), d = last_axis(x)
    cdef cnp.npy_intp *features = cnp.PyArray_DIMS(x) + cnp.PyArray_NDIM(x) - 1
    cdef cnp.ndarray dx = like(x)
    cdef cnp.ndarray dgamma = new_array(1, features, t) if need_dgamma else None
    cdef cnp.ndarray dbeta = new_array(1, features, t) if need_dbeta else None
    cdef address px = data(x), pg = data(gamma), pdy = data(dy), pdx = data(dx), pdg = data(dgamma), pdb = data(dbeta)
    cdef int status
    with nogil:
        status = table(t).layer_norm_backward(n, d, px, pg, pdy, epsilon, pdx, pdg, pdb)
    if status:
        out_of_memory()
    return dx, dgamma, dbeta


def rms_norm(cnp.ndarray x not None, cnp.ndarray gamma not None, double epsilon):
    cdef int t = float_type(x, "x")
    x, gamma = dense(x, t, "x"), dense(gamma, t, "gamma")
    cdef Py_ssize_t n = rows(x), d = last_axis(x)
    cdef cnp.ndarray y = like(x)
    cdef address px = data(x), pg = data(gamma), py = data(y)
    with nogil:
        table(t).rms_norm(n, d, px, pg, epsilon, py)
    return y


def rms_norm_backward(cnp.ndarray x not None, cnp.ndarray gamma not None, cnp.ndarray dy not None, double epsilon):
    cdef int t = float_type(x, "x")
    x, gamma, dy = dense(x, t, "x"), dense(gamma, t, "gamma"), dense(dy, t, "dy")
    cdef Py_ssize_t n = rows(x), d = last_axis(x)
    cdef cnp.ndarray dx = like(x), dgamma = like(gamma)
    cdef address px = data(x), pg = data(gamma), pdy = data(dy), pdx = data(dx), pdg = data(dgamma)
    cdef int status
    with nogil:
        status = table(t).rms_norm_backward(n, d, px, pg, pdy, epsilon, pdx, pdg)
    if status:
        out_of_memory()
    return dx, dgamma
