#define VEC_BYTES 16
#define CDL_REAL float
#define CDL_TABLE cdl_generic_float
#include "../primitives.c"
