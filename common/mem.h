// The only allocator calls of the project. Out of memory is an answer (NULL), never an exit.
#ifndef JD_MEM_H
#define JD_MEM_H

#include "guard.h"

// Owned by the caller, freed with jd_free(). A size of 0 gives a valid pointer.
JD_MUST_USE void *jd_alloc(size_t size);
JD_MUST_USE void *jd_zalloc(size_t size);
// On failure the old block is untouched.
JD_MUST_USE void *jd_realloc(void *ptr, size_t size);
JD_MUST_USE char *jd_strdup(const char *s);
void jd_free(void *ptr); // NULL is allowed

// Test hook: the nth allocation from now fails, and only that one; 0 = off.
void jd_mem_fail_nth(unsigned long n);

#endif
