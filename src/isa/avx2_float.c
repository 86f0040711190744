#define VEC_BYTES 32
#define CDL_REAL float
#define CDL_TABLE cdl_avx2_float
#include "../primitives.c"
