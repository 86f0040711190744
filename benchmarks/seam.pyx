# cython: language_level=3, boundscheck=False, wraparound=False
"""Four ways for three float32 arrays to reach C; see seam.py."""

cimport numpy as cnp
from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release, PyObject_GetBuffer

cnp.import_array()


cdef inline int check(cnp.ndarray x) except -1:
    if cnp.PyArray_TYPE(x) != cnp.NPY_FLOAT32 or not cnp.PyArray_ISCARRAY_RO(x):
        raise TypeError
    return 0


def ndarray(cnp.ndarray a not None, cnp.ndarray b not None, cnp.ndarray c not None):
    check(a), check(b), check(c)
    return (<float *>cnp.PyArray_DATA(a))[0]


def ndarray_with_output(cnp.ndarray a not None, cnp.ndarray b not None, cnp.ndarray c not None):
    check(a), check(b), check(c)
    return cnp.PyArray_EMPTY(2, cnp.PyArray_DIMS(a), cnp.NPY_FLOAT32, 0)


def buffer_protocol(a, b, c):
    cdef Py_buffer x, y, z
    PyObject_GetBuffer(a, &x, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    PyObject_GetBuffer(b, &y, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    PyObject_GetBuffer(c, &z, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    cdef float first = (<float *>x.buf)[0]
    PyBuffer_Release(&x)
    PyBuffer_Release(&y)
    PyBuffer_Release(&z)
    return first


def memoryview(float[:, ::1] a, float[:, ::1] b, float[:, ::1] c):
    return a[0, 0]
