/* primitives.c - everything that is compiled once for each instruction set and type.
 *
 * A unit in isa/ defines VEC_BYTES, CDL_REAL, perhaps CDL_DOUBLE, and the name of its table, CDL_TABLE.
 * All else is static: a function compiled for AVX-512 must not be found under a common name by the linker.
 */
#include "cdl.h"
#include "parallel.h"
#include "simd.h"
#include "vmath.h"

#include "gemm.c"
#include "linear.c"

extern const cdl_primitives CDL_TABLE;

const cdl_primitives CDL_TABLE = {
    .gemm = gemm,
    .linear = linear,
    .linear_backward = linear_backward,
    .column_sum = column_sum,
};
