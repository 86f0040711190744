/* dispatch.c - which instruction set is in use.
 *
 * Chosen once, when the library is loaded: the best that the CPU and the operating system offer, or the one that the
 * environment variable CDL_ISA names, if it is available.
 */
#include "cdl.h"

#include <stdlib.h>
#include <string.h>

extern const cdl_primitives cdl_generic_float, cdl_generic_double;
#if defined(__x86_64__)
extern const cdl_primitives cdl_avx2_float, cdl_avx2_double, cdl_avx512_float, cdl_avx512_double;
#endif

typedef struct {
    const char *name;
    int available;
    const cdl_primitives *table[2];     /* float, double */
} isa;

static isa isas[] = {       /* from the least to the best */
    {"generic", 1, {&cdl_generic_float, &cdl_generic_double}},
#if defined(__x86_64__)
    {"avx2", 0, {&cdl_avx2_float, &cdl_avx2_double}},
    {"avx512", 0, {&cdl_avx512_float, &cdl_avx512_double}},
#endif
};
enum { ISAS = sizeof isas / sizeof isas[0] };

static const isa *current = isas;

__attribute__((constructor)) static void detect(void)
{
#if defined(__x86_64__)
    /* These ask the operating system too (XCR0): a CPU has AVX-512 registers only if the kernel saves them. */
    __builtin_cpu_init();
    isas[1].available = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    isas[2].available = isas[1].available && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    for (int j = 0; j < ISAS; j++)
        if (isas[j].available)
            current = &isas[j];
    const char *name = getenv("CDL_ISA");
    if (name != NULL)
        cdl_set_isa(name);
}

const char *cdl_isa(void)
{
    return __atomic_load_n(&current, __ATOMIC_RELAXED)->name;
}

int cdl_set_isa(const char *name)
{
    for (int j = 0; j < ISAS; j++)
        if (isas[j].available && strcmp(isas[j].name, name) == 0) {
            __atomic_store_n(&current, &isas[j], __ATOMIC_RELAXED);
            return 0;
        }
    return -1;
}

const cdl_primitives *cdl_table(int is_double)
{
    return __atomic_load_n(&current, __ATOMIC_RELAXED)->table[is_double != 0];
}
