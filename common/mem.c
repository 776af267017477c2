#include "mem.h"

#include <stdlib.h>
#include <string.h>

static unsigned long fail_in; // counts down to the allocation that fails; 0 = off

void jd_mem_fail_nth(unsigned long n) {
    fail_in = n;
}

static int must_fail(void) {
    return fail_in != 0 && --fail_in == 0;
}

void *jd_alloc(size_t size) {
    return must_fail() ? NULL : malloc(size ? size : 1);
}

void *jd_zalloc(size_t size) {
    return must_fail() ? NULL : calloc(1, size ? size : 1);
}

void *jd_realloc(void *ptr, size_t size) {
    return must_fail() ? NULL : realloc(ptr, size ? size : 1);
}

char *jd_strdup(const char *s) {
    size_t n = strlen(s) + 1;
    char *copy = jd_alloc(n);
    return copy ? memcpy(copy, s, n) : NULL;
}

void jd_free(void *ptr) {
    free(ptr);
}
