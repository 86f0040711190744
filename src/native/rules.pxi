# The rules of the optimizers.


cdef class Step:
    """The table of variables of one optimizer step, checked and ready for C."""
    cdef cdl_parameter *parameters
    cdef Py_ssize_t count
    cdef int type
    cdef list kept  # dense copies of gradients that were not dense

    def __cinit__(self, values, grads, slots, decays):
        cdef Py_ssize_t j, s
        cdef cnp.ndarray value, grad, state
        self.count = len(values)
        for items in (grads, decays, *slots):
            if len(items) != self.count:
                raise ValueError(f"there are {self.count} values; gradients, decays and each part of the state must be "
                                 f"as many. Received: {len(items)}")
        self.kept = []
        self.type = cnp.NPY_FLOAT32
        self.parameters = <cdl_parameter *>PyMem_Malloc(max(1, self.count) * sizeof(cdl_parameter))
        if self.parameters is NULL:
            raise MemoryError("cdl: no memory for the optimizer's table")
        for j in range(self.count):
            value, grad = values[j], grads[j]
            if value is None or grad is None:
                raise TypeError(f"variable {j}: {'the value' if value is None else 'the gradient'} is None")
            if j == 0:
                self.type = float_type(value, "value")
            self.parameters[j].size = cnp.PyArray_SIZE(value)
            self.parameters[j].value = self.updated(value, self.parameters[j].size, "value", j)
            if not cnp.PyArray_SAMESHAPE(value, grad):
                raise ValueError(f"variable {j} has shape {(<object>value).shape}, "
                                 f"its gradient has shape {(<object>grad).shape}")
            if not PyArray_ISCARRAY_RO(grad):
                grad = PyArray_GETCONTIGUOUS(grad)
                self.kept.append(grad)
            self.parameters[j].grad = data(dense(grad, self.type, "gradient"))
            for s in range(len(slots)):
                state = slots[s][j]
                self.parameters[j].slot[s] = self.updated(state, self.parameters[j].size, "optimizer state", j)
            self.parameters[j].decay = decays[j]

    cdef void *updated(self, cnp.ndarray x, Py_ssize_t size, str name, Py_ssize_t j) except NULL:
        if x is None:
            raise TypeError(f"{name} {j} is None")
        if cnp.PyArray_TYPE(x) != self.type:
            refuse_dtype(x, self.type, f"{name} {j}")
        if not cnp.PyArray_ISCARRAY(x) or cnp.PyArray_SIZE(x) != size:
            raise ValueError(f"{name} {j} must be a writable dense array of {size} elements (shape {(<object>x).shape})")
        return cnp.PyArray_DATA(x)

    def __dealloc__(self):
        PyMem_Free(self.parameters)


def sgd(values, grads, decays, double learning_rate):
    cdef Step step = Step(values, grads, (), decays)
    with nogil:
        table(step.type).sgd(step.count, step.parameters, learning_rate)


def momentum(values, grads, velocities, decays, double learning_rate, double momentum, bint nesterov):
    cdef Step step = Step(values, grads, (velocities,), decays)
    with nogil:
        table(step.type).momentum(step.count, step.parameters, learning_rate, momentum, nesterov)


def rmsprop(values, grads, slots, decays, double learning_rate, double rho, double momentum, double epsilon,
            bint centered):
    cdef Step step = Step(values, grads, slots, decays)
    with nogil:
        table(step.type).rmsprop(step.count, step.parameters, learning_rate, rho, momentum, epsilon, centered)


def adam(values, grads, slots, decays, double rate, double beta_1, double beta_2, double epsilon, bint amsgrad):
    cdef Step step = Step(values, grads, slots, decays)
    with nogil:
        table(step.type).adam(step.count, step.parameters, rate, beta_1, beta_2, epsilon, amsgrad)
