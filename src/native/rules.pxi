# The rules of the optimizers.


cdef class Step:
    """The table of variables of one optimizer step, checked and ready for C, and the numbers of its rule."""
    cdef cdl_step step
    cdef cdl_parameter *parameters
    cdef int type
    cdef list kept  # dense copies of gradients that were not dense

    def __cinit__(self, values, grads, slots, decays):
        cdef Py_ssize_t j, s, count = len(values)
        cdef cnp.ndarray value, grad, dense_grad, state
        for items in (grads, decays, *slots):
            if items is not None and len(items) != count:
                raise ValueError(f"there are {count} values; gradients, decays and each part of the state must be "
                                 f"as many. Received: {len(items)}")
        self.kept = []
        self.type = cnp.NPY_FLOAT32
        self.parameters = <cdl_parameter *>PyMem_Malloc(max(1, count) * sizeof(cdl_parameter))
        if self.parameters is NULL:
            raise MemoryError("cdl: no memory for the optimizer's table")
        self.step.count, self.step.parameters = count, self.parameters
        for j in range(count):
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
            dense_grad = dense(grad, self.type, "gradient")
            if dense_grad is not grad:
                self.kept.append(dense_grad)
            self.parameters[j].grad = data(dense_grad)
            for s in range(3):
                self.parameters[j].slot[s] = NULL
            for s in range(len(slots)):
                if slots[s] is not None:
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

    cdef const cdl_primitives *table(self) noexcept:
        return table(self.type)

    cdef void take(self, cdl_rule rule) noexcept:
        with nogil:
            rule(&self.step)

    def __dealloc__(self):
        PyMem_Free(self.parameters)


def sgd(values, grads, decays, double learning_rate):
    cdef Step s = Step(values, grads, (), decays)
    s.step.learning_rate = learning_rate
    s.take(s.table().sgd)


def momentum(values, grads, slots, decays, double learning_rate, double momentum, bint nesterov):
    cdef Step s = Step(values, grads, slots, decays)
    s.step.learning_rate, s.step.momentum, s.step.nesterov = learning_rate, momentum, nesterov
    s.take(s.table().momentum)


def adagrad(values, grads, slots, decays, double learning_rate, double epsilon):
    cdef Step s = Step(values, grads, slots, decays)
    s.step.learning_rate, s.step.epsilon = learning_rate, epsilon
    s.take(s.table().adagrad)


def adadelta(values, grads, slots, decays, double learning_rate, double rho, double epsilon):
    cdef Step s = Step(values, grads, slots, decays)
    s.step.learning_rate, s.step.rho, s.step.epsilon = learning_rate, rho, epsilon
    s.take(s.table().adadelta)


def rmsprop(values, grads, slots, decays, double learning_rate, double rho, double momentum, double epsilon,
            bint centered):
    slots = (slots[0], slots[1] if momentum > 0 else None, slots[len(slots) - 1] if centered else None)
    cdef Step s = Step(values, grads, slots, decays)
    s.step.learning_rate, s.step.rho, s.step.momentum = learning_rate, rho, momentum
    s.step.epsilon, s.step.centered = epsilon, centered
    s.take(s.table().rmsprop)


def adam(values, grads, slots, decays, double rate, double beta_1, double beta_2, double epsilon):
    cdef Step s = Step(values, grads, slots, decays)
    s.step.learning_rate, s.step.epsilon, s.step.beta_1, s.step.beta_2 = rate, epsilon, beta_1, beta_2
    s.take(s.table().adam)


def nadam(values, grads, slots, decays, double rate, double gradient_rate, double beta_1, double beta_2,
          double epsilon):
    cdef Step s = Step(values, grads, slots, decays)
    s.step.learning_rate, s.step.gradient_rate = rate, gradient_rate
    s.step.beta_1, s.step.beta_2, s.step.epsilon = beta_1, beta_2, epsilon
    s.take(s.table().nadam)


def adamax(values, grads, slots, decays, double rate, double beta_1, double beta_2, double epsilon):
    cdef Step s = Step(values, grads, slots, decays)
    s.step.learning_rate, s.step.epsilon, s.step.beta_1, s.step.beta_2 = rate, epsilon, beta_1, beta_2
    s.take(s.table().adamax)


def lion(values, grads, slots, decays, double learning_rate, double beta_1, double beta_2):
    cdef Step s = Step(values, grads, slots, decays)
    s.step.learning_rate, s.step.beta_1, s.step.beta_2 = learning_rate, beta_1, beta_2
    s.take(s.table().lion)


def ftrl(values, grads, slots, decays, double learning_rate, double power, double beta, double l1, double l2,
         double l2_shrinkage):
    cdef Step s = Step(values, grads, slots, decays)
    s.step.learning_rate, s.step.power, s.step.beta = learning_rate, power, beta
    s.step.l1, s.step.l2, s.step.l2_shrinkage = l1, l2, l2_shrinkage
    s.take(s.table().ftrl)


cdef double penalty_of(cnp.ndarray x, double l1, double l2, cnp.ndarray grad, cnp.ndarray out) except? -1:
    cdef int t = cnp.PyArray_TYPE(x)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x)
    cdef address px = data(x), pg = data(grad), po = data(out)
    cdef double total
    cdef int failed
    with nogil:
        failed = table(t).penalty(size, px, l1, l2, pg, po, &total)
    if failed:
        out_of_memory()
    return total


def penalty(cnp.ndarray x not None, double l1, double l2):
    return penalty_of(dense(x, float_type(x, "x"), "x"), l1, l2, None, None)


def add_penalty(cnp.ndarray grad not None, cnp.ndarray x not None, double l1, double l2):
    cdef int t = float_type(x, "x")
    x, grad = dense(x, t, "x"), dense(grad, t, "grad")
    cdef cnp.ndarray out = like(x)
    return penalty_of(x, l1, l2, grad, out), out
