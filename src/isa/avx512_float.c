#define VEC_BYTES 64
#define CDL_REAL float
#define CDL_TABLE cdl_avx512_float
#include "../primitives.c"
