// Any text that is an expression has, operation by operation, the values that the reference has, on
// every level of this machine. The first 16 bytes are two values of x, the rest is the text, which
// may use the parameter k.
#include "../unit/expr_check.h"
#include "fuzz.h"

enum { N_GIVEN = 2 };

static void check_all(const struct jd_expr *e, const double *x, size_t n) {
    struct expr_check_failure failure;
    for (enum jd_expr_level level = JD_EXPR_BASE; level <= jd_expr_level_best(); level++)
        JD_ASSERT(expr_check(e, level, x, n, &failure));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct jd_expr_param params[] = {{{"k", 1}, 3}};
    static const struct jd_expr_scope scope = {true, params, JD_LEN(params)};
    double x[] = {0, 0, 0, -0.0, 1, -2, 0.5, 700, -1e300, 0x1p-1060, INFINITY, -INFINITY, NAN};
    struct jd_expr e;
    if (size < N_GIVEN * sizeof x[0])
        return 0;
    memcpy(x, data, N_GIVEN * sizeof x[0]);
    jobd_bytes text = {data + N_GIVEN * sizeof x[0], size - N_GIVEN * sizeof x[0]};
    if (jd_expr_parse(text, &scope, &e, NULL) == 0)
        check_all(&e, x, JD_LEN(x));
    return 0;
}
