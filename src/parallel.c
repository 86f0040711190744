/* parallel.c - the only file that knows OpenMP and the floating-point control register. */
#include "parallel.h"
#include "cdl.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* A further thread must bring this many nanoseconds of work with it.  Measured (libgomp, 2 cores): a region costs 1 us when
 * the threads still spin from the last one, 4 to 10 us when they sleep. */
#define WORK_PER_THREAD 5000.0

/* ---- Denormals ---------------------------------------------------------------------------------------------------- */

/* Flush them on this thread, and return the mode to restore.  A product with denormals is 100 times slower than without. */
static unsigned long flush_denormals(void)
{
#if defined(__x86_64__)
    unsigned old = _mm_getcsr(), flush = 0x8040;        /* FTZ | DAZ */
    if ((old & flush) != flush)
        _mm_setcsr(old | flush);
    return old;
#elif defined(__aarch64__)
    unsigned long old;
    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    __asm__ volatile("msr fpcr, %0" : : "r"(old | 1ul << 24));      /* FZ */
    return old;
#else
    return 0;
#endif
}

static void restore_mode(unsigned long old)
{
#if defined(__x86_64__)
    unsigned flush = 0x8040;
    if ((old & flush) != flush)
        _mm_setcsr((_mm_getcsr() & ~flush) | ((unsigned)old & flush));
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(old));
#else
    (void)old;
#endif
}

/* ---- Threads ------------------------------------------------------------------------------------------------------ */

static int wanted_threads;          /* 0: ask OpenMP */
static int forked;                  /* libgomp's threads do not survive fork(); a region in the child would hang */

/* What a thread keeps: whether it is inside a task, and its workspace. */
typedef struct {
    int inside;
    size_t bytes;
    void *block;
} thread_state;

static pthread_key_t state_key;

static void free_state(void *state)
{
    free(((thread_state *)state)->block);
    free(state);
}

static void after_fork_in_child(void)
{
    forked = 1;
}

__attribute__((constructor)) static void prepare(void)
{
    pthread_key_create(&state_key, free_state);
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

/* NULL when memory is exhausted. */
static thread_state *this_thread(void)
{
    thread_state *state = pthread_getspecific(state_key);
    if (state == NULL && (state = calloc(1, sizeof *state)) != NULL && pthread_setspecific(state_key, state) != 0) {
        free(state);
        state = NULL;
    }
    return state;
}

int cdl_has_openmp(void)
{
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

int cdl_threads(void)
{
#ifdef _OPENMP
    int wanted = __atomic_load_n(&wanted_threads, __ATOMIC_RELAXED);
    return wanted > 0 ? wanted : omp_get_max_threads();
#else
    return 1;
#endif
}

void cdl_set_threads(int count)
{
    __atomic_store_n(&wanted_threads, count > 0 ? count : 0, __ATOMIC_RELAXED);
}

/* ---- Rest --------------------------------------------------------------------------------------------------------- */

/* A region ends when its last thread has arrived.  Where other programs keep the processors busy, that thread may wait a
 * time slice of some milliseconds for its turn, and a step of microseconds takes milliseconds.  So a region that took much
 * longer than one thread would have is followed by a rest of serial ones, twice as long each time; results do not depend on it.
 * These are guesses about the near future: what several Python threads write here at once need not be exact. */
static int rest;                    /* so many regions are still to be serial */

static int resting(void)
{
    int left = __atomic_load_n(&rest, __ATOMIC_RELAXED);
    if (left > 0)
        __atomic_store_n(&rest, left - 1, __ATOMIC_RELAXED);
    return left > 0;
}

#ifdef _OPENMP
static int next_rest = 1;

enum { LONGEST_REST = 1024 };

/* Nanoseconds.  `cost` is a guess, and where memory is the limit threads gain little; but a lost time slice is far above. */
#define STALLED(elapsed, cost) ((elapsed) > 2 * (cost) + 50000)

static void learn(double elapsed, double cost)
{
    int length = __atomic_load_n(&next_rest, __ATOMIC_RELAXED);
    if (STALLED(elapsed, cost)) {
        __atomic_store_n(&rest, length, __ATOMIC_RELAXED);
        length = length < LONGEST_REST ? 2 * length : LONGEST_REST;
    } else
        length = length > 1 ? length / 2 : 1;
    __atomic_store_n(&next_rest, length, __ATOMIC_RELAXED);
}

static double nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}
#endif

/* ---- Slices ------------------------------------------------------------------------------------------------------- */

int cdl_slices(ptrdiff_t count, ptrdiff_t grain, double cost)
{
    ptrdiff_t grains = (count + grain - 1) / grain;
    double worthwhile = cost / WORK_PER_THREAD;
    if (worthwhile < 2 || grains < 2 || forked)
        return 1;
    thread_state *state = pthread_getspecific(state_key);
    if (state != NULL && state->inside)
        return 1;
#ifdef _OPENMP
    if (omp_in_parallel())
        return 1;
#endif
    int threads = cdl_threads();
    if (threads > worthwhile)
        threads = (int)worthwhile;
    if (threads > 1 && resting())
        return 1;
    return threads < grains ? threads : (int)grains;
}

static void run(cdl_task *task, void *arg, ptrdiff_t begin, ptrdiff_t end)
{
    thread_state *state = this_thread();
    int was_inside = state != NULL && state->inside;
    unsigned long mode = flush_denormals();
    if (state != NULL)
        state->inside = 1;
    task(arg, begin, end);
    if (state != NULL)
        state->inside = was_inside;
    restore_mode(mode);
}

void cdl_parallel(ptrdiff_t count, ptrdiff_t grain, double cost, cdl_task *task, void *arg)
{
    if (count <= 0)
        return;
    int slices = cdl_slices(count, grain, cost);
    if (slices == 1) {
        run(task, arg, 0, count);
        return;
    }
#ifdef _OPENMP
    ptrdiff_t grains = (count + grain - 1) / grain;
    const double start = nanoseconds();
    /* A loop over slices, not one slice per thread: OpenMP may give us fewer threads than we ask for. */
    #pragma omp parallel for schedule(static, 1) num_threads(slices)
    for (int slice = 0; slice < slices; slice++) {
        ptrdiff_t begin = grains * slice / slices * grain;
        ptrdiff_t end = grains * (slice + 1) / slices * grain;
        run(task, arg, begin, end < count ? end : count);
    }
    learn(nanoseconds() - start, cost);
#endif
}

void *cdl_workspace(size_t bytes)
{
    thread_state *state = this_thread();
    if (state == NULL)
        return NULL;
    if (state->block == NULL || state->bytes < bytes) {
        free(state->block);
        state->bytes = 0;
        size_t rounded = (bytes + bytes / 4 + 4096) & ~(size_t)4095;
        if (posix_memalign(&state->block, 64, rounded) != 0) {
            state->block = NULL;
            return NULL;
        }
        state->bytes = rounded;
    }
    return state->block;
}
