# Arrays of the core's memory, and what a function's arguments have to be.


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


cdef inline cnp.ndarray plain(cnp.ndarray x):
    """x itself if C can walk over it, else a copy that it can: dense, aligned, its bytes in this machine's order."""
    return x if PyArray_ISCARRAY_RO(x) else x.astype(x.dtype.newbyteorder("="), order="C", subok=False)


cdef inline cnp.ndarray dense(cnp.ndarray x, int typenum, str name):
    """x itself if it is a dense array of that float type, a dense copy if only the layout differs."""
    if cnp.PyArray_TYPE(x) != typenum:
        refuse_dtype(x, typenum, name)
    return plain(x)


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
