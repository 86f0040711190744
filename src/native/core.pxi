# What the core offers: the part of cdl.h that is used here, and one thing of NumPy's that Cython does not declare.


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
        int every_step

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

    ctypedef struct cdl_step:
        Py_ssize_t count
        const cdl_parameter *parameters
        double learning_rate
        double gradient_rate
        double momentum
        double rho
        double beta_1
        double beta_2
        double epsilon
        int nesterov
        int centered
        double power
        double beta
        double l1
        double l2
        double l2_shrinkage

    ctypedef void (*cdl_rule)(const cdl_step *) noexcept nogil

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
        int (*simple_rnn)(const cdl_sequence *, cdl_function, void *, void *) noexcept nogil
        int (*simple_rnn_backward)(const cdl_sequence *, cdl_function, const void *,
                                   const cdl_sequence_gradients *) noexcept nogil
        int (*lstm)(const cdl_sequence *, const void *, void *, void *, void *) noexcept nogil
        int (*lstm_backward)(const cdl_sequence *, const void *, const void *, const cdl_sequence_gradients *,
                             const void *, void *) noexcept nogil
        int (*gru)(const cdl_sequence *, int, void *, void *) noexcept nogil
        int (*gru_backward)(const cdl_sequence *, int, const void *, const cdl_sequence_gradients *) noexcept nogil
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
        Py_ssize_t (*count_argmax)(Py_ssize_t, Py_ssize_t, const void *, const int32_t *) noexcept nogil
        void (*sum_rows)(Py_ssize_t, Py_ssize_t, const void *, const int64_t *, const int64_t *,
                         void *) noexcept nogil
        void (*affine_sample)(const cdl_sampling *, const void *, const void *, void *) noexcept nogil
        cdl_rule sgd
        cdl_rule momentum
        cdl_rule adagrad
        cdl_rule adadelta
        cdl_rule rmsprop
        cdl_rule adam
        cdl_rule nadam
        cdl_rule adamax
        cdl_rule lion
        cdl_rule ftrl
        int (*penalty)(Py_ssize_t, const void *, double, double, const void *, void *, double *) noexcept nogil
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
    PyTypeObject PyArray_Type
