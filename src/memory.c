/* memory.c - a pool of 64-byte aligned blocks.
 *
 * A training step makes and drops the same arrays again and again.  A fresh large array costs page faults and cold caches;
 * the one released last is still in cache.  So released blocks wait in stacks, one for each size class, and the last one
 * in is the first one out.  Classes grow by quarters of a power of two, so at most a fifth of a block is unused.
 */
#include "cdl.h"

#include <pthread.h>
#include <stdlib.h>

enum { QUARTERS = 4, SMALLEST = 256, CLASSES = QUARTERS * 40 };
#define MOST_POOLED ((size_t)256 << 20)     /* bytes that wait at most; further ones are freed */

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
    void *fresh;
    if (taken == NULL)
        return posix_memalign(&fresh, 64, bytes) == 0 ? fresh : NULL;
    return taken;
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
