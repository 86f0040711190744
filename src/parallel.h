/* parallel.h - tasks on threads, and scratch memory for them. */
#ifndef CDL_PARALLEL_H
#define CDL_PARALLEL_H

#include <stddef.h>

/* Does the items [begin, end) of the work that arg describes.  An item's result must not depend on the slice it is in. */
typedef void cdl_task(void *arg, ptrdiff_t begin, ptrdiff_t end);

/* Calls task(arg, begin, end) on slices that cover [0, count) once, and returns when all are done.  Slices begin at
 * multiples of `grain`.  `cost`: nanoseconds that one thread would take for everything, roughly; small work is one slice
 * on the calling thread.  Denormals are zero while a task runs. */
void cdl_parallel(ptrdiff_t count, ptrdiff_t grain, double cost, cdl_task *task, void *arg);

/* The number of slices that cdl_parallel would make for the same arguments, at most. */
int cdl_slices(ptrdiff_t count, ptrdiff_t grain, double cost);

/* This thread's scratch memory: at least `bytes`, 64-byte aligned, with undefined contents; NULL when memory is exhausted.
 * The next call on the same thread may move it, so a task asks once and does not call primitives while it uses it. */
void *cdl_workspace(size_t bytes);

#endif
