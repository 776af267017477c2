#include "kernels/formula.h"

#include <string.h>

#include "guard.h"

// The two name the same sets of instructions, in the same order.
_Static_assert((int)JD_EXPR_BASE == (int)JD_ISA_BASELINE && (int)JD_EXPR_AVX2 == (int)JD_ISA_AVX2 &&
                   (int)JD_EXPR_AVX512 == (int)JD_ISA_AVX512,
               "levels");
_Static_assert((int)JD_BLOCK <= (int)JD_EXPR_BLOCK_MAX, "a block of points is one of values");

int jd_formula_parse(jobd_bytes text, const struct jd_expr_param *params, size_t n_params,
                     struct jd_formula *ret, struct jd_expr_error *reterr) {
    const struct jd_expr_scope scope = {.x = true, .params = params, .n_params = n_params};
    const struct jd_integrand *named = jd_integrand_find(text);
    int r = named ? 0 : jd_expr_parse(text, &scope, &ret->expr, reterr);
    if (r == 0)
        ret->named = named;
    return r;
}

static void point_by_point(const void *ctx, const double *x, double *y, size_t n) {
    const struct jd_expr *e = ctx;
    for (size_t i = 0; i < n; i++)
        y[i] = jd_expr_eval(e, x[i]);
}

struct jd_source jd_formula_source(struct jd_formula *f, enum jd_kernel kernel, enum jd_isa isa) {
    if (f->named)
        return (struct jd_source){.named = f->named};
    if (kernel == JD_KERNEL_PORTABLE)
        return (struct jd_source){.block = point_by_point, .ctx = &f->expr};
    JD_ASSERT(jd_isa_available(isa));
    jd_expr_compile(&f->expr, (enum jd_expr_level)isa, &f->block);
    return (struct jd_source){.block = jd_expr_run, .ctx = &f->block};
}

// How many bytes of a word text begins with.
static size_t word_len(const char *text, size_t len) {
    size_t n = 0;
    for (; n < len; n++) {
        char c = text[n], low = (char)(c | 0x20);
        if (!((low >= 'a' && low <= 'z') || c == '_' || (n > 0 && c >= '0' && c <= '9')))
            break;
    }
    return n;
}

bool jd_formula_is_word(jobd_bytes text) {
    return text.len > 0 && word_len(text.data, text.len) == text.len;
}

bool jd_formula_is_foreign(jobd_bytes text) {
    const char *at = text.data;
    size_t len = text.len, n = word_len(at, len);
    bool point = false;
    while (n > 0 && n < len && at[n] == '.') {
        point = true;
        at += n + 1;
        len -= n + 1;
        n = word_len(at, len);
    }
    return point && n > 0 && n == len;
}
