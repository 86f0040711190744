#define VEC_BYTES 16
#define CDL_REAL double
#define CDL_DOUBLE
#define CDL_TABLE cdl_generic_double
#include "../primitives.c"
