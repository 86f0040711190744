#define VEC_BYTES 64
#define CDL_REAL double
#define CDL_DOUBLE
#define CDL_TABLE cdl_avx512_double
#include "../primitives.c"
