#define VEC_BYTES 32
#define CDL_REAL double
#define CDL_DOUBLE
#define CDL_TABLE cdl_avx2_double
#include "../primitives.c"
