// Assertions that stay in release builds, for what cannot happen. Bytes from a peer are answered,
// never asserted.
#ifndef JD_GUARD_H
#define JD_GUARD_H

#include <stddef.h>

// Print where and what to stderr, then abort.
_Noreturn void jd_panic(const char *file, int line, const char *what);

#define JD_ASSERT(cond) ((cond) ? (void)0 : jd_panic(__FILE__, __LINE__, #cond))
#define JD_UNREACHABLE() jd_panic(__FILE__, __LINE__, "unreachable")

#define JD_MUST_USE __attribute__((warn_unused_result))
#define JD_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define JD_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define JD_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define JD_MIN(a, b) ((a) < (b) ? (a) : (b))
#define JD_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
