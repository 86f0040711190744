# Windows over an image, as convolution and pooling look at it.


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
