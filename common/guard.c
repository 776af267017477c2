#include "guard.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void jd_panic(const char *file, int line, const char *what) {
    fprintf(stderr, "jobd: internal error at %s:%d: %s\n", file, line, what);
    abort();
}
