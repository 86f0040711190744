# Recurrent layers.


cdef class Sequences:
    """What the six functions share: the dense arguments of cdl_sequence, and the gradients that it gets."""
    cdef cdl_sequence q
    cdef cdl_sequence_gradients g
    cdef int type
    cdef tuple kept

    def __cinit__(self, cnp.ndarray x not None, cnp.ndarray h0 not None, cnp.ndarray kernel not None,
                  cnp.ndarray recurrent_kernel not None, cnp.ndarray bias, cnp.ndarray mask,
                  bint every_step):
        cdef int t = float_type(x, "x")
        x, h0, kernel = dense(x, t, "x"), dense(h0, t, "h0"), dense(kernel, t, "kernel")
        recurrent_kernel = dense(recurrent_kernel, t, "recurrent_kernel")
        bias = dense_or_none(bias, t, "bias")
        if mask is not None:
            if cnp.PyArray_TYPE(mask) != cnp.NPY_BOOL:
                raise TypeError(f"mask is {mask.dtype}, not bool. Convert it with astype.")
            mask = plain(mask)
        self.type = t
        self.kept = (x, h0, kernel, recurrent_kernel, bias, mask)
        self.q.n, self.q.t, self.q.i = cnp.PyArray_DIMS(x)[0], cnp.PyArray_DIMS(x)[1], cnp.PyArray_DIMS(x)[2]
        self.q.u = cnp.PyArray_DIMS(h0)[1]
        self.q.x, self.q.h0, self.q.bias = data(x), data(h0), data(bias)
        self.q.kernel, self.q.recurrent_kernel = data(kernel), data(recurrent_kernel)
        self.q.mask = <const unsigned char *>data(mask)
        self.q.every_step = every_step

    cdef cnp.ndarray states(self):
        """For h: (n, t, u) or (n, u)"""
        cdef cnp.npy_intp shape[3]
        shape[0], shape[1], shape[1 + self.q.every_step] = self.q.n, self.q.t, self.q.u
        return new_array(2 + self.q.every_step, shape, self.type)

    cdef cnp.ndarray to_keep(self, Py_ssize_t parts):
        """(t, parts, n, u)"""
        cdef cnp.npy_intp shape[4]
        shape[0], shape[1], shape[2], shape[3] = self.q.t, parts, self.q.n, self.q.u
        return new_array(4, shape, self.type)

    cdef tuple gradients(self, cnp.ndarray dh, int bias_ndim, bint need_dx, bint need_dweights):
        """Where they go to: dx, dh0, dkernel, drecurrent_kernel, dbias."""
        x, h0, kernel, recurrent_kernel, _, _ = self.kept
        cdef cnp.npy_intp bias_shape[2]
        cdef cnp.ndarray dx = like(x) if need_dx else None, dh0 = like(h0)
        cdef cnp.ndarray dkernel = None, drecurrent_kernel = None, dbias = None
        if need_dweights:
            dkernel, drecurrent_kernel = like(kernel), like(recurrent_kernel)
            bias_shape[0] = 2
            bias_shape[bias_ndim - 1] = last_axis(kernel)
            dbias = new_array(bias_ndim, bias_shape, self.type)
        self.g.dh, self.g.every_step = data(dh), cnp.PyArray_NDIM(dh) == 3
        self.g.dx, self.g.dh0, self.g.dkernel = data(dx), data(dh0), data(dkernel)
        self.g.drecurrent_kernel, self.g.dbias = data(drecurrent_kernel), data(dbias)
        return dx, dh0, dkernel, drecurrent_kernel, dbias


def simple_rnn(x, h0, kernel, recurrent_kernel, bias, mask, str activation, bint need_gradient, bint every_step):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, bias, mask, every_step)
    cdef cnp.ndarray h = s.states(), kept = s.to_keep(1) if need_gradient else None
    cdef address ph = data(h), pk = data(kept)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(s.type).simple_rnn(&s.q, f, ph, pk)
    if status:
        out_of_memory()
    return h, kept


def simple_rnn_backward(x, h0, kernel, recurrent_kernel, mask, cnp.ndarray kept not None, cnp.ndarray dh not None,
                        str activation, bint need_dx, bint need_dweights):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, None, mask, False)
    kept, dh = dense(kept, s.type, "kept"), dense(dh, s.type, "dh")
    gradients = s.gradients(dh, 1, need_dx, need_dweights)
    cdef address pk = data(kept)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(s.type).simple_rnn_backward(&s.q, f, pk, &s.g)
    if status:
        out_of_memory()
    return gradients


def lstm(x, h0, cnp.ndarray c0 not None, kernel, recurrent_kernel, bias, mask, bint need_gradient,
         bint every_step):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, bias, mask, every_step)
    c0 = dense(c0, s.type, "c0")
    cdef cnp.ndarray h = s.states(), c = like(c0), kept = s.to_keep(6) if need_gradient else None
    cdef address pc0 = data(c0), ph = data(h), pc = data(c), pk = data(kept)
    cdef int status
    with nogil:
        status = table(s.type).lstm(&s.q, pc0, ph, pc, pk)
    if status:
        out_of_memory()
    return h, c, kept


def lstm_backward(x, h0, cnp.ndarray c0 not None, kernel, recurrent_kernel, mask, cnp.ndarray kept not None,
                  cnp.ndarray dh not None, cnp.ndarray dc, bint need_dx, bint need_dweights):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, None, mask, False)
    c0, kept = dense(c0, s.type, "c0"), dense(kept, s.type, "kept")
    dh, dc = dense(dh, s.type, "dh"), dense_or_none(dc, s.type, "dc")
    dx, dh0, *weights = s.gradients(dh, 1, need_dx, need_dweights)
    cdef cnp.ndarray dc0 = like(c0)
    cdef address pc0 = data(c0), pk = data(kept), pdc = data(dc), pdc0 = data(dc0)
    cdef int status
    with nogil:
        status = table(s.type).lstm_backward(&s.q, pc0, pk, &s.g, pdc, pdc0)
    if status:
        out_of_memory()
    return dx, dh0, dc0, *weights


def gru(x, h0, kernel, recurrent_kernel, bias, mask, bint reset_after, bint need_gradient,
        bint every_step):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, bias, mask, every_step)
    cdef cnp.ndarray h = s.states(), kept = s.to_keep(5) if need_gradient else None
    cdef address ph = data(h), pk = data(kept)
    cdef int status
    with nogil:
        status = table(s.type).gru(&s.q, reset_after, ph, pk)
    if status:
        out_of_memory()
    return h, kept


def gru_backward(x, h0, kernel, recurrent_kernel, mask, cnp.ndarray kept not None, cnp.ndarray dh not None,
                 bint reset_after, bint need_dx, bint need_dweights):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, None, mask, False)
    kept, dh = dense(kept, s.type, "kept"), dense(dh, s.type, "dh")
    gradients = s.gradients(dh, 2 if reset_after else 1, need_dx, need_dweights)
    cdef address pk = data(kept)
    cdef int status
    with nogil:
        status = table(s.type).gru_backward(&s.q, reset_after, pk, &s.g)
    if status:
        out_of_memory()
    return gradients
