# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True, embedsignature=True
"""The binding: one short function per primitive of cdl.h, under the names of `ops`.

The functions are in native/, in files named like the modules of `ops`; below there are only settings.
No arithmetic and no shape rules live here. A function makes its arguments dense arrays of one float type, makes the
output, releases the GIL and calls the table of that type.

Arrays come in through NumPy's C API with one inline test each: with three arguments that costs 0.13 us a call where
typed memoryviews cost 0.85 us, as much as a small layer's arithmetic.
"""

cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

cnp.import_array()

ctypedef void *address

include "native/core.pxi"
include "native/arrays.pxi"
include "native/windows.pxi"

include "native/activations.pxi"
include "native/convolutions.pxi"
include "native/losses.pxi"
include "native/normalization.pxi"
include "native/pooling.pxi"
include "native/products.pxi"
include "native/random.pxi"
include "native/recurrence.pxi"
include "native/rows.pxi"
include "native/rules.pxi"


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
