# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True, embedsignature=True
"""The binding: one short function per primitive of cdl.h, under the names of `ops`.

No arithmetic and no shape rules live here. A function makes its arguments dense arrays of one float type, makes the
output, releases the GIL and calls the table of that type.

Arrays come in through NumPy's C API with one inline test each: with three arguments that costs 0.13 us a call where
typed memoryviews cost 0.85 us, as much as a small layer's arithmetic.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int32_t, int64_t, uint64_t

cnp.import_array()

ctypedef void *address


cdef extern from "cdl.h" nogil:
    ctypedef enum cdl_function:
        pass

    ctypedef struct cdl_activation:
        cdl_function function
        double p[3]

    ctypedef struct cdl_matrix:
        const void *data
        Py_ssize_t row
        Py_ssize_t column

    ctypedef struct cdl_windows:
        Py_ssize_t points "in"[3]
        Py_ssize_t out[3]
        Py_ssize_t size[3]
        Py_ssize_t stride[3]
        Py_ssize_t dilation[3]
        Py_ssize_t before[3]

    ctypedef struct cdl_sequence:
        Py_ssize_t n
        Py_ssize_t t
        Py_ssize_t i
        Py_ssize_t u
        const void *x
        const void *h0
        const void *kernel
        const void *recurrent_kernel
        const void *bias
        const unsigned char *mask

    ctypedef struct cdl_sequence_gradients:
        const void *dh
        int every_step
        void *dx
        void *dh0
        void *dkernel
        void *drecurrent_kernel
        void *dbias

    ctypedef struct cdl_parameter:
        Py_ssize_t size
        void *value
        const void *grad
        void *slot[3]
        double decay

    ctypedef struct cdl_loss:
        Py_ssize_t n
        Py_ssize_t d
        const void *y_true
        const void *y_pred
        const void *weight
        double scale
        int from_logits
        double epsilon
        double label_smoothing
        void *values
        void *dy

    ctypedef double (*cdl_loss_function)(const cdl_loss *) noexcept nogil

    ctypedef enum cdl_fill_mode:
        pass

    ctypedef struct cdl_sampling:
        Py_ssize_t n
        Py_ssize_t h
        Py_ssize_t w
        Py_ssize_t c
        Py_ssize_t out_h
        Py_ssize_t out_w
        int bilinear
        cdl_fill_mode fill_mode
        double fill_value

    ctypedef struct cdl_primitives:
        int (*gemm)(Py_ssize_t, Py_ssize_t, Py_ssize_t, cdl_matrix, cdl_matrix, const void *, cdl_function, int, void *,
                    Py_ssize_t) noexcept nogil
        int (*linear)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const void *, const void *, const void *, cdl_function,
                      void *) noexcept nogil
        int (*linear_backward)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const void *, const void *, const void *,
                               const void *, cdl_function, void *, void *, void *) noexcept nogil
        int (*column_sum)(Py_ssize_t, Py_ssize_t, const void *, void *) noexcept nogil
        int (*convolution)(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const cdl_windows *, const void *,
                           const void *, const void *, cdl_function, void *) noexcept nogil
        int (*convolution_backward)(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const cdl_windows *, const void *,
                                    const void *, const void *, const void *, cdl_function, void *, void *,
                                    void *) noexcept nogil
        int (*convolution_transpose)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const cdl_windows *, const void *,
                                     const void *, const void *, cdl_function, void *) noexcept nogil
        int (*convolution_transpose_backward)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const cdl_windows *, const void *,
                                              const void *, const void *, const void *, cdl_function, void *, void *,
                                              void *) noexcept nogil
        int (*simple_rnn)(const cdl_sequence *, cdl_function, void *) noexcept nogil
        int (*simple_rnn_backward)(const cdl_sequence *, cdl_function, const void *,
                                   const cdl_sequence_gradients *) noexcept nogil
        int (*lstm)(const cdl_sequence *, const void *, void *, void *, void *) noexcept nogil
        int (*lstm_backward)(const cdl_sequence *, const void *, const void *, const void *,
                             const cdl_sequence_gradients *, const void *, void *) noexcept nogil
        int (*gru)(const cdl_sequence *, int, void *, void *) noexcept nogil
        int (*gru_backward)(const cdl_sequence *, int, const void *, const void *,
                            const cdl_sequence_gradients *) noexcept nogil
        void (*max_pool)(Py_ssize_t, Py_ssize_t, const cdl_windows *, const void *, void *) noexcept nogil
        void (*max_pool_backward)(Py_ssize_t, Py_ssize_t, const cdl_windows *, const void *, const void *, const void *,
                                  void *) noexcept nogil
        void (*average_pool)(Py_ssize_t, Py_ssize_t, const cdl_windows *, const void *, void *) noexcept nogil
        void (*average_pool_backward)(Py_ssize_t, Py_ssize_t, const cdl_windows *, const void *, void *) noexcept nogil
        int (*batch_norm)(Py_ssize_t, Py_ssize_t, const void *, const void *, const void *, double, void *, void *,
                          void *) noexcept nogil
        int (*batch_norm_backward)(Py_ssize_t, Py_ssize_t, const void *, const void *, const void *, const void *,
                                   const void *, double, void *, void *, void *) noexcept nogil
        void (*scale_shift)(Py_ssize_t, Py_ssize_t, const void *, const void *, const void *, void *) noexcept nogil
        void (*layer_norm)(Py_ssize_t, Py_ssize_t, const void *, const void *, const void *, double,
                           void *) noexcept nogil
        int (*layer_norm_backward)(Py_ssize_t, Py_ssize_t, const void *, const void *, const void *, double, void *,
                                   void *, void *) noexcept nogil
        void (*rms_norm)(Py_ssize_t, Py_ssize_t, const void *, const void *, double, void *) noexcept nogil
        int (*rms_norm_backward)(Py_ssize_t, Py_ssize_t, const void *, const void *, const void *, double, void *,
                                 void *) noexcept nogil
        void (*activation)(cdl_activation, Py_ssize_t, const void *, void *) noexcept nogil
        void (*activation_backward)(cdl_activation, Py_ssize_t, const void *, const void *, const void *,
                                    void *) noexcept nogil
        void (*softmax)(Py_ssize_t, Py_ssize_t, const void *, void *) noexcept nogil
        void (*softmax_backward)(Py_ssize_t, Py_ssize_t, const void *, const void *, void *) noexcept nogil
        void (*log_softmax)(Py_ssize_t, Py_ssize_t, const void *, void *) noexcept nogil
        void (*log_softmax_backward)(Py_ssize_t, Py_ssize_t, const void *, const void *, void *) noexcept nogil
        cdl_loss_function mean_squared_error
        cdl_loss_function mean_absolute_error
        cdl_loss_function binary_crossentropy
        cdl_loss_function categorical_crossentropy
        cdl_loss_function sparse_categorical_crossentropy
        void (*argmax)(Py_ssize_t, Py_ssize_t, const void *, int64_t *) noexcept nogil
        void (*sum_rows)(Py_ssize_t, Py_ssize_t, const void *, const int64_t *, const int64_t *,
                         void *) noexcept nogil
        void (*affine_sample)(const cdl_sampling *, const void *, const void *, void *) noexcept nogil
        void (*sgd)(Py_ssize_t, const cdl_parameter *, double) noexcept nogil
        void (*momentum)(Py_ssize_t, const cdl_parameter *, double, double, int) noexcept nogil
        void (*rmsprop)(Py_ssize_t, const cdl_parameter *, double, double, double, double, int) noexcept nogil
        void (*adam)(Py_ssize_t, const cdl_parameter *, double, double, double, double, int) noexcept nogil
        void (*random_uniform)(uint64_t, uint64_t, Py_ssize_t, double, double, void *) noexcept nogil
        void (*random_normal)(uint64_t, uint64_t, Py_ssize_t, double, double, void *) noexcept nogil
        void (*dropout)(uint64_t, uint64_t, Py_ssize_t, double, const void *, void *) noexcept nogil

    const cdl_primitives *cdl_table(int)
    void cdl_take_rows(Py_ssize_t, Py_ssize_t, const void *, const int64_t *, void *)
    void cdl_put_rows(Py_ssize_t, Py_ssize_t, const void *, const int64_t *, void *)
    Py_ssize_t cdl_group_rows(Py_ssize_t, const int64_t *, int64_t *, int64_t *, int64_t *)
    const char *cdl_isa()
    int cdl_set_isa(const char *)
    int cdl_threads()
    void cdl_set_threads(int)
    int cdl_has_openmp()
    void *cdl_take(size_t)
    void cdl_release(void *, size_t)
    size_t cdl_pooled_bytes()

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewFromDescr(PyTypeObject *, cnp.dtype, int, cnp.npy_intp *, cnp.npy_intp *, void *, int, object)
    int PyArray_SetBaseObject(cnp.ndarray, object) except -1
    bint PyArray_IS_C_CONTIGUOUS(cnp.ndarray)
    bint PyArray_ISCARRAY_RO(cnp.ndarray)
    cnp.ndarray PyArray_GETCONTIGUOUS(cnp.ndarray)
    PyTypeObject PyArray_Type


# ------------------------------------------------------------------------------------------------------------- arrays


cdef class Block:
    """Owns the memory of one array; gives it back to the core's pool when the last view is gone."""
    cdef void *data
    cdef size_t bytes

    def __dealloc__(self):
        if self.data is not NULL:
            cdl_release(self.data, self.bytes)


cdef cnp.dtype FLOAT32 = cnp.PyArray_DescrFromType(cnp.NPY_FLOAT32)
cdef cnp.dtype FLOAT64 = cnp.PyArray_DescrFromType(cnp.NPY_FLOAT64)


cdef cnp.ndarray new_array(int ndim, const cnp.npy_intp *shape, int typenum):
    """An uninitialised dense array on 64-byte aligned memory from the pool."""
    cdef cnp.dtype descr = FLOAT32 if typenum == cnp.NPY_FLOAT32 else FLOAT64
    cdef size_t size = 4 if typenum == cnp.NPY_FLOAT32 else 8
    cdef int axis
    for axis in range(ndim):
        size *= shape[axis]
    cdef Block block = Block.__new__(Block)
    block.data = cdl_take(size)
    if block.data is NULL:
        raise MemoryError(f"cdl: no memory for an array of {size} bytes")
    block.bytes = size
    Py_INCREF(descr)  # PyArray_NewFromDescr takes it over
    cdef cnp.ndarray array = PyArray_NewFromDescr(
        &PyArray_Type, descr, ndim, <cnp.npy_intp *>shape, NULL, block.data, cnp.NPY_ARRAY_CARRAY, None)
    Py_INCREF(block)  # PyArray_SetBaseObject takes it over
    PyArray_SetBaseObject(array, block)
    return array


cdef inline cnp.ndarray like(cnp.ndarray x):
    return new_array(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x))


cdef inline cnp.ndarray dense(cnp.ndarray x, int typenum, str name):
    """x itself if it is a dense array of that float type, a dense copy if only the layout differs."""
    if cnp.PyArray_TYPE(x) != typenum:
        refuse_dtype(x, typenum, name)
    return x if PyArray_ISCARRAY_RO(x) else PyArray_GETCONTIGUOUS(x)


cdef inline cnp.ndarray dense_or_none(cnp.ndarray x, int typenum, str name):
    return None if x is None else dense(x, typenum, name)


cdef inline int float_type(cnp.ndarray x, str name) except -1:
    cdef int typenum = cnp.PyArray_TYPE(x)
    if typenum != cnp.NPY_FLOAT32 and typenum != cnp.NPY_FLOAT64:
        raise TypeError(f"{name} is {x.dtype}; cdl computes in float32 or float64. Convert it with astype.")
    return typenum


cdef int refuse_dtype(cnp.ndarray x, int typenum, str name) except -1:
    wanted = "float32" if typenum == cnp.NPY_FLOAT32 else "float64"
    raise TypeError(f"{name} is {x.dtype}, the other arrays are {wanted}. Convert it with astype.")


cdef inline const cdl_primitives *table(int typenum) noexcept nogil:
    return cdl_table(typenum == cnp.NPY_FLOAT64)


cdef inline Py_ssize_t last_axis(cnp.ndarray x) except -1:
    if cnp.PyArray_NDIM(x) == 0:
        raise ValueError("an array with at least one axis is needed. Received a single number.")
    return cnp.PyArray_DIMS(x)[cnp.PyArray_NDIM(x) - 1]


cdef inline Py_ssize_t rows(cnp.ndarray x) noexcept:
    """The product of all axes but the last."""
    cdef Py_ssize_t n = 1
    cdef int axis
    for axis in range(cnp.PyArray_NDIM(x) - 1):
        n *= cnp.PyArray_DIMS(x)[axis]
    return n


cdef inline void *data(cnp.ndarray x) noexcept:
    return NULL if x is None else cnp.PyArray_DATA(x)


cdef int out_of_memory() except -1:
    raise MemoryError("cdl: no memory for scratch space")


cdef dict FUNCTION = {}


def name_functions(names):
    """Called once with the names of `cdl_function`, in its order."""
    FUNCTION.update({name: code for code, name in enumerate(names)})


cdef inline cdl_function function_code(str name) except *:
    code = FUNCTION.get(name)
    if code is None:
        raise ValueError(f"unknown function {name!r}. Known: {', '.join(FUNCTION)}")
    return <cdl_function><int>code


cdef cdl_activation describe(str function, tuple parameters) except *:
    cdef cdl_activation f
    cdef int j
    f.function = function_code(function)
    for j in range(3):
        f.p[j] = parameters[j] if j < len(parameters) else 0
    return f


# ----------------------------------------------------------------------------------------------------- matrix products


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


# ----------------------------------------------------------------------------------------------- windows over an image


cdef cdl_windows windows_of(tuple shape, size, strides, padding, dilation) except *:
    """The windows over images of that shape, (n, 1 to 3 spatial sizes, channels). dilation: None for ones."""
    cdef cdl_windows w
    cdef int j, axis, absent = 5 - len(shape)
    cdef Py_ssize_t before, after
    for j in range(3):
        w.points[j] = w.out[j] = w.size[j] = w.stride[j] = w.dilation[j] = 1
        w.before[j] = 0
        if j >= absent:
            axis = j - absent
            before, after = padding[axis]
            w.points[j], w.size[j], w.stride[j], w.before[j] = shape[axis + 1], size[axis], strides[axis], before
            if dilation is not None:
                w.dilation[j] = dilation[axis]
            w.out[j] = (w.points[j] + before + after - w.dilation[j] * (w.size[j] - 1) - 1) // w.stride[j] + 1
    return w


cdef cnp.ndarray new_images(cnp.ndarray x, const Py_ssize_t *sizes, Py_ssize_t channels, int typenum):
    """As many as there are in x, with these sizes: `points` or `out` of cdl_windows."""
    cdef int axis, ndim = cnp.PyArray_NDIM(x)
    cdef cnp.npy_intp shape[5]
    shape[0], shape[ndim - 1] = cnp.PyArray_DIMS(x)[0], channels
    for axis in range(1, ndim - 1):
        shape[axis] = sizes[4 - ndim + axis]
    return new_array(ndim, shape, typenum)


def convolution(cnp.ndarray x not None, cnp.ndarray kernel not None, cnp.ndarray bias, strides, padding, dilation,
                Py_ssize_t groups, str activation):
    cdef int t = float_type(x, "x")
    x, kernel = dense(x, t, "x"), dense(kernel, t, "kernel")
    if bias is not None:
        bias = dense(bias, t, "bias")
    cdef cdl_windows w = windows_of((<object>x).shape, (<object>kernel).shape, strides, padding, dilation)
    cdef Py_ssize_t n = cnp.PyArray_DIMS(x)[0], i = last_axis(x), o = last_axis(kernel)
    cdef cnp.ndarray y = new_images(x, w.out, o, t)
    cdef address px = data(x), pk = data(kernel), pb = data(bias), py = data(y)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(t).convolution(n, i, o, groups, &w, px, pk, pb, f, py)
    if status:
        out_of_memory()
    return y


def convolution_backward(cnp.ndarray x not None, cnp.ndarray kernel not None, cnp.ndarray y not None,
                         cnp.ndarray dy not None, strides, padding, dilation, Py_ssize_t groups, str activation,
                         bint need_dx, bint need_dkernel, bint need_dbias):
    cdef int t = float_type(x, "x")
    x, kernel, y, dy = dense(x, t, "x"), dense(kernel, t, "kernel"), dense(y, t, "y"), dense(dy, t, "dy")
    cdef cdl_windows w = windows_of((<object>x).shape, (<object>kernel).shape, strides, padding, dilation)
    cdef Py_ssize_t n = cnp.PyArray_DIMS(x)[0], i = last_axis(x), o = last_axis(kernel)
    cdef cnp.ndarray dx = like(x) if need_dx else None
    cdef cnp.ndarray dkernel = like(kernel) if need_dkernel else None
    cdef cnp.ndarray dbias = new_array(1, cnp.PyArray_DIMS(y) + cnp.PyArray_NDIM(y) - 1, t) if need_dbias else None
    cdef address px = data(x), pk = data(kernel), py = data(y), pdy = data(dy)
    cdef address pdx = data(dx), pdk = data(dkernel), pdb = data(dbias)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(t).convolution_backward(n, i, o, groups, &w, px, pk, py, pdy, f, pdx, pdk, pdb)
    if status:
        out_of_memory()
    return dx, dkernel, dbias


def convolution_transpose(cnp.ndarray x not None, cnp.ndarray kernel not None, cnp.ndarray bias, output_size, strides,
                          padding, dilation, str activation):
    cdef int t = float_type(x, "x")
    x, kernel = dense(x, t, "x"), dense(kernel, t, "kernel")
    if bias is not None:
        bias = dense(bias, t, "bias")
    cdef Py_ssize_t n = cnp.PyArray_DIMS(x)[0], i = last_axis(x), o = cnp.PyArray_DIMS(kernel)[cnp.PyArray_NDIM(x) - 2]
    cdef cdl_windows w = windows_of((n, *output_size, o), (<object>kernel).shape, strides, padding, dilation)
    cdef cnp.ndarray y = new_images(x, w.points, o, t)
    cdef address px = data(x), pk = data(kernel), pb = data(bias), py = data(y)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(t).convolution_transpose(n, i, o, &w, px, pk, pb, f, py)
    if status:
        out_of_memory()
    return y


def convolution_transpose_backward(cnp.ndarray x not None, cnp.ndarray kernel not None, cnp.ndarray y not None,
                                   cnp.ndarray dy not None, strides, padding, dilation, str activation, bint need_dx,
                                   bint need_dkernel, bint need_dbias):
    cdef int t = float_type(x, "x")
    x, kernel, y, dy = dense(x, t, "x"), dense(kernel, t, "kernel"), dense(y, t, "y"), dense(dy, t, "dy")
    cdef cdl_windows w = windows_of((<object>y).shape, (<object>kernel).shape, strides, padding, dilation)
    cdef Py_ssize_t n = cnp.PyArray_DIMS(x)[0], i = last_axis(x), o = last_axis(y)
    cdef cnp.ndarray dx = like(x) if need_dx else None
    cdef cnp.ndarray dkernel = like(kernel) if need_dkernel else None
    cdef cnp.ndarray dbias = new_array(1, cnp.PyArray_DIMS(y) + cnp.PyArray_NDIM(y) - 1, t) if need_dbias else None
    cdef address px = data(x), pk = data(kernel), py = data(y), pdy = data(dy)
    cdef address pdx = data(dx), pdk = data(dkernel), pdb = data(dbias)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(t).convolution_transpose_backward(n, i, o, &w, px, pk, py, pdy, f, pdx, pdk, pdb)
    if status:
        out_of_memory()
    return dx, dkernel, dbias


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


# ---------------------------------------------------------------------------------------------------- recurrent layers


cdef class Sequences:
    """What the six functions share: the dense arguments of cdl_sequence, and the gradients that it gets."""
    cdef cdl_sequence q
    cdef cdl_sequence_gradients g
    cdef int type
    cdef tuple kept

    def __cinit__(self, cnp.ndarray x not None, cnp.ndarray h0 not None, cnp.ndarray kernel not None,
                  cnp.ndarray recurrent_kernel not None, cnp.ndarray bias, cnp.ndarray mask):
        cdef int t = float_type(x, "x")
        x, h0, kernel = dense(x, t, "x"), dense(h0, t, "h0"), dense(kernel, t, "kernel")
        recurrent_kernel = dense(recurrent_kernel, t, "recurrent_kernel")
        bias = dense_or_none(bias, t, "bias")
        if mask is not None:
            if cnp.PyArray_TYPE(mask) != cnp.NPY_BOOL:
                raise TypeError(f"mask is {mask.dtype}, not bool. Convert it with astype.")
            mask = mask if PyArray_ISCARRAY_RO(mask) else PyArray_GETCONTIGUOUS(mask)
        self.type = t
        self.kept = (x, h0, kernel, recurrent_kernel, bias, mask)
        self.q.n, self.q.t, self.q.i = cnp.PyArray_DIMS(x)[0], cnp.PyArray_DIMS(x)[1], cnp.PyArray_DIMS(x)[2]
        self.q.u = cnp.PyArray_DIMS(h0)[1]
        self.q.x, self.q.h0, self.q.bias = data(x), data(h0), data(bias)
        self.q.kernel, self.q.recurrent_kernel = data(kernel), data(recurrent_kernel)
        self.q.mask = <const unsigned char *>data(mask)

    cdef cnp.ndarray new(self, Py_ssize_t width):
        """(n, t, width)"""
        cdef cnp.npy_intp shape[3]
        shape[0], shape[1], shape[2] = self.q.n, self.q.t, width
        return new_array(3, shape, self.type)

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


def simple_rnn(x, h0, kernel, recurrent_kernel, bias, mask, str activation):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, bias, mask)
    cdef cnp.ndarray h = s.new(s.q.u)
    cdef address ph = data(h)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(s.type).simple_rnn(&s.q, f, ph)
    if status:
        out_of_memory()
    return h


def simple_rnn_backward(x, h0, kernel, recurrent_kernel, mask, cnp.ndarray h not None, cnp.ndarray dh not None,
                        str activation, bint need_dx, bint need_dweights):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, None, mask)
    h, dh = dense(h, s.type, "h"), dense(dh, s.type, "dh")
    gradients = s.gradients(dh, 1, need_dx, need_dweights)
    cdef address ph = data(h)
    cdef cdl_function f = function_code(activation)
    cdef int status
    with nogil:
        status = table(s.type).simple_rnn_backward(&s.q, f, ph, &s.g)
    if status:
        out_of_memory()
    return gradients


def lstm(x, h0, cnp.ndarray c0 not None, kernel, recurrent_kernel, bias, mask, bint need_gradient):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, bias, mask)
    c0 = dense(c0, s.type, "c0")
    cdef cnp.ndarray h = s.new(s.q.u), c = like(c0), kept = s.new(5 * s.q.u) if need_gradient else None
    cdef address pc0 = data(c0), ph = data(h), pc = data(c), pk = data(kept)
    cdef int status
    with nogil:
        status = table(s.type).lstm(&s.q, pc0, ph, pc, pk)
    if status:
        out_of_memory()
    return h, c, kept


def lstm_backward(x, h0, cnp.ndarray c0 not None, kernel, recurrent_kernel, mask, cnp.ndarray h not None,
                  cnp.ndarray kept not None, cnp.ndarray dh not None, cnp.ndarray dc, bint need_dx, bint need_dweights):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, None, mask)
    c0, h, kept = dense(c0, s.type, "c0"), dense(h, s.type, "h"), dense(kept, s.type, "kept")
    dh, dc = dense(dh, s.type, "dh"), dense_or_none(dc, s.type, "dc")
    dx, dh0, *weights = s.gradients(dh, 1, need_dx, need_dweights)
    cdef cnp.ndarray dc0 = like(c0)
    cdef address pc0 = data(c0), ph = data(h), pk = data(kept), pdc = data(dc), pdc0 = data(dc0)
    cdef int status
    with nogil:
        status = table(s.type).lstm_backward(&s.q, pc0, ph, pk, &s.g, pdc, pdc0)
    if status:
        out_of_memory()
    return dx, dh0, dc0, *weights


def gru(x, h0, kernel, recurrent_kernel, bias, mask, bint reset_after, bint need_gradient):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, bias, mask)
    cdef cnp.ndarray h = s.new(s.q.u), kept = s.new(4 * s.q.u) if need_gradient else None
    cdef address ph = data(h), pk = data(kept)
    cdef int status
    with nogil:
        status = table(s.type).gru(&s.q, reset_after, ph, pk)
    if status:
        out_of_memory()
    return h, kept


def gru_backward(x, h0, kernel, recurrent_kernel, mask, cnp.ndarray h not None, cnp.ndarray kept not None,
                 cnp.ndarray dh not None, bint reset_after, bint need_dx, bint need_dweights):
    cdef Sequences s = Sequences(x, h0, kernel, recurrent_kernel, None, mask)
    h, kept, dh = dense(h, s.type, "h"), dense(kept, s.type, "kept"), dense(dh, s.type, "dh")
    gradients = s.gradients(dh, 2 if reset_after else 1, need_dx, need_dweights)
    cdef address ph = data(h), pk = data(kept)
    cdef int status
    with nogil:
        status = table(s.type).gru_backward(&s.q, reset_after, ph, pk, &s.g)
    if status:
        out_of_memory()
    return gradients


# ------------------------------------------------------------------------------------------------------ normalisation


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


# -------------------------------------------------------------------------------------------------------- activations


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


# ------------------------------------------------------------------------------------------------------------- losses


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
    return labels if PyArray_ISCARRAY_RO(labels) else PyArray_GETCONTIGUOUS(labels)


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


def first_outside(cnp.ndarray index not None, Py_ssize_t limit):
    if not PyArray_ISCARRAY_RO(index):
        index = PyArray_GETCONTIGUOUS(index)
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


# --------------------------------------------------------------------------------------------------------------- rows


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


cdef cnp.ndarray row_index(cnp.ndarray index, str name):
    if cnp.PyArray_TYPE(index) != cnp.NPY_INT64:
        raise TypeError(f"{name}: index is int64. Received: {index.dtype}")
    return index if PyArray_ISCARRAY_RO(index) else PyArray_GETCONTIGUOUS(index)


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


# ----------------------------------------------------------------------------------------------------- random numbers


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


# ---------------------------------------------------------------------------------------------------- optimizer rules


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


# ----------------------------------------------------------------------------------------------------------- settings


def isa():
    return cdl_isa().decode()


def set_isa(str name):
    """Whether the instruction set could be chosen."""
    cdef bytes encoded = name.encode()
    return cdl_set_isa(encoded) == 0


def isas():
    """The instruction sets that this processor and this build have."""
    cdef str current = isa()
    found = [name for name in ("generic", "avx2", "avx512") if set_isa(name)]
    set_isa(current)
    return found


cdef int requested_threads = 0


def set_threads(int count):
    """Sets the number of threads (0: OpenMP's) and returns the previous setting."""
    global requested_threads
    previous = requested_threads
    requested_threads = count
    cdl_set_threads(count)
    return previous


def threads():
    return cdl_threads()


def has_openmp():
    return bool(cdl_has_openmp())


def pooled_bytes():
    """Bytes of freed arrays that the core keeps for reuse."""
    return cdl_pooled_bytes()
