// Any text is refused with a column inside it, or has a value; and a value that is printed is read
// back as it was.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "expr.h"
#include "guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(int r, const struct jd_expr_error *err, size_t size) {
    JD_ASSERT(r == JOBD_E_INVAL || r == JOBD_E_LIMIT);
    JD_ASSERT(err->column >= 1 && err->column <= size + 1);
    JD_ASSERT(memchr(err->text, '\0', sizeof err->text));
}

static void check_read_back(double x) {
    char text[64];
    struct jd_expr e;
    int n = snprintf(text, sizeof text, "%.17g", x);
    JD_ASSERT(jd_expr_parse((jobd_bytes){text, (size_t)n}, NULL, &e, NULL) == 0);
    double y = jd_expr_eval(&e, 0);
    JD_ASSERT(isnan(x) ? isnan(y) : x == y && signbit(x) == signbit(y));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct jd_expr e;
    struct jd_expr_error err;
    int r = jd_expr_parse((jobd_bytes){data, size}, NULL, &e, &err);
    if (r)
        check_error(r, &err, size);
    else
        check_read_back(jd_expr_eval(&e, 0));
    return 0;
}
