# Losses.


cdef object loss(cdl_loss_function f, cnp.ndarray y_true, cnp.ndarray y_pred, cnp.ndarray weight, double scale,
                 bint want_gradient, bint from_logits=False, double epsilon=0, double label_smoothing=0):
    """(total, dy) if want_gradient, else the value of each row. y_true is dense already."""
    cdef int t = cnp.PyArray_TYPE(y_pred)
    y_pred = dense(y_pred, t, "y_pred")
    if weight is not None:
        weight = dense(weight, t, "weight")
    cdef cnp.ndarray values = None, dy = None
    if want_gradient:
        dy = like(y_pred)
    else:
        values = new_array(cnp.PyArray_NDIM(y_pred) - 1, cnp.PyArray_DIMS(y_pred), t)
    cdef cdl_loss arguments = cdl_loss(
        rows(y_pred), last_axis(y_pred), data(y_true), data(y_pred), data(weight), scale, from_logits, epsilon,
        label_smoothing, data(values), data(dy))
    cdef double total
    with nogil:
        total = f(&arguments)
    return (total, dy) if want_gradient else values


def mean_squared_error(cnp.ndarray y_true not None, cnp.ndarray y_pred not None):
    cdef int t = float_type(y_pred, "y_pred")
    return loss(table(t).mean_squared_error, dense(y_true, t, "y_true"), y_pred, None, 1, False)


def mean_squared_error_gradient(cnp.ndarray y_true not None, cnp.ndarray y_pred not None, cnp.ndarray weight,
                                double scale):
    cdef int t = float_type(y_pred, "y_pred")
    return loss(table(t).mean_squared_error, dense(y_true, t, "y_true"), y_pred, weight, scale, True)


def mean_absolute_error(cnp.ndarray y_true not None, cnp.ndarray y_pred not None):
    cdef int t = float_type(y_pred, "y_pred")
    return loss(table(t).mean_absolute_error, dense(y_true, t, "y_true"), y_pred, None, 1, False)


def mean_absolute_error_gradient(cnp.ndarray y_true not None, cnp.ndarray y_pred not None, cnp.ndarray weight,
                                 double scale):
    cdef int t = float_type(y_pred, "y_pred")
    return loss(table(t).mean_absolute_error, dense(y_true, t, "y_true"), y_pred, weight, scale, True)


def binary_crossentropy(cnp.ndarray y_true not None, cnp.ndarray y_pred not None, bint from_logits, double epsilon,
                        double label_smoothing):
    cdef int t = float_type(y_pred, "y_pred")
    return loss(table(t).binary_crossentropy, dense(y_true, t, "y_true"), y_pred, None, 1, False, from_logits, epsilon,
                label_smoothing)


def binary_crossentropy_gradient(cnp.ndarray y_true not None, cnp.ndarray y_pred not None, bint from_logits,
                                 double epsilon, double label_smoothing, cnp.ndarray weight, double scale):
    cdef int t = float_type(y_pred, "y_pred")
    return loss(table(t).binary_crossentropy, dense(y_true, t, "y_true"), y_pred, weight, scale, True, from_logits,
                epsilon, label_smoothing)


def categorical_crossentropy(cnp.ndarray y_true not None, cnp.ndarray y_pred not None, bint from_logits, double epsilon,
                             double label_smoothing):
    cdef int t = float_type(y_pred, "y_pred")
    return loss(table(t).categorical_crossentropy, dense(y_true, t, "y_true"), y_pred, None, 1, False, from_logits,
                epsilon, label_smoothing)


def categorical_crossentropy_gradient(cnp.ndarray y_true not None, cnp.ndarray y_pred not None, bint from_logits,
                                      double epsilon, double label_smoothing, cnp.ndarray weight, double scale):
    cdef int t = float_type(y_pred, "y_pred")
    return loss(table(t).categorical_crossentropy, dense(y_true, t, "y_true"), y_pred, weight, scale, True, from_logits,
                epsilon, label_smoothing)


cdef cnp.ndarray dense_int32(cnp.ndarray labels):
    if cnp.PyArray_TYPE(labels) != cnp.NPY_INT32:
        raise TypeError(f"labels are {labels.dtype}; int32 is needed. Convert them with astype.")
    return plain(labels)


def sparse_categorical_crossentropy(cnp.ndarray labels not None, cnp.ndarray y_pred not None, bint from_logits,
                                    double epsilon):
    cdef int t = float_type(y_pred, "y_pred")
    return loss(table(t).sparse_categorical_crossentropy, dense_int32(labels), y_pred, None, 1, False, from_logits,
                epsilon)


def sparse_categorical_crossentropy_gradient(cnp.ndarray labels not None, cnp.ndarray y_pred not None, bint from_logits,
                                             double epsilon, cnp.ndarray weight, double scale):
    cdef int t = float_type(y_pred, "y_pred")
    return loss(table(t).sparse_categorical_crossentropy, dense_int32(labels), y_pred, weight, scale, True, from_logits,
                epsilon)
