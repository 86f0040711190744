/* memory.c - a pool of 64-byte aligned blocks.
 *
 * A training step makes and drops the same arrays again and again.  A fresh large array costs page faults and cold caches;
 * the one released last is still in cache.  So released blocks wait in stacks, one for each size class, and the last one
 * in is the first one out.  Classes grow by quarters of a power of two, so at most a fifth of a block is unused.
 */
#include "cdl.h"

#include <pthread.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum { QUARTERS = 4, SMALLEST = 256, CLASSES = QUARTERS * 40 };
#define MOST_POOLED ((size_t)256 << 20)     /* bytes that wait at most; further ones are freed */
#define HUGE_PAGE ((size_t)2 << 20)

typedef struct block {
    struct block *below;
} block;

static struct {
    pthread_mutex_t lock;
    block *top[CLASSES];
    size_t bytes;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The class of a request; *size becomes the size of its blocks: 256, 320, 384, 448, 512, 640, ... */
static int size_class(size_t *size)
{
    if (*size <= SMALLEST) {
        *size = SMALLEST;
        return 0;
    }
    int power = 63 - __builtin_clzll((unsigned long long)*size - 1);        /* 2^power < *size <= 2^(power+1) */
    size_t quarter = (size_t)1 << power >> 2;
    size_t quarters = (*size - 1) / quarter;                                /* 4..7 are whole below *size */
    *size = (quarters + 1) * quarter;
    return (int)((power - 8) * QUARTERS + (ptrdiff_t)quarters - 3);
}

/* Large blocks lie on huge pages where the system has them: an array of 8 MB is 4 of them, or 2048 small pages, each with
 * a fault when it is new and an address to be looked up whenever something runs through the array. */
static void *fresh_block(size_t bytes)
{
    void *fresh;
    const int large = bytes >= 2 * HUGE_PAGE;
    if (posix_memalign(&fresh, large ? HUGE_PAGE : 64, bytes) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (large)
        (void)madvise(fresh, bytes & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);      /* a wish: it may fail */
#endif
    return fresh;
}

void *cdl_take(size_t bytes)
{
    if (bytes > PTRDIFF_MAX)
        return NULL;
    int class = size_class(&bytes);
    block *taken = NULL;
    if (class < CLASSES) {
        pthread_mutex_lock(&pool.lock);
        taken = pool.top[class];
        if (taken != NULL) {
            pool.top[class] = taken->below;
            pool.bytes -= bytes;
        }
        pthread_mutex_unlock(&pool.lock);
    }
    return taken != NULL ? taken : fresh_block(bytes);
}

void cdl_release(void *memory, size_t bytes)
{
    if (memory == NULL)
        return;
    int class = size_class(&bytes);
    block *released = memory;
    if (class < CLASSES) {
        pthread_mutex_lock(&pool.lock);
        if (pool.bytes + bytes <= MOST_POOLED) {
            released->below = pool.top[class];
            pool.top[class] = released;
            pool.bytes += bytes;
            released = NULL;
        }
        pthread_mutex_unlock(&pool.lock);
    }
    free(released);
}

size_t cdl_pooled_bytes(void)
{
    pthread_mutex_lock(&pool.lock);
    size_t bytes = pool.bytes;
    pthread_mutex_unlock(&pool.lock);
    return bytes;
}

/* A fork() in the middle of a take must not leave the child with a locked pool. */
static void lock_pool(void)
{
    pthread_mutex_lock(&pool.lock);
}

static void unlock_pool(void)
{
    pthread_mutex_unlock(&pool.lock);
}

__attribute__((constructor)) static void prepare(void)
{
    pthread_atfork(lock_pool, unlock_pool, unlock_pool);
}
