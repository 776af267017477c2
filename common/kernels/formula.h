// What is to be integrated, as people write it: the name of a function of the table, or an
// expression of x and parameters.
//
// The portable kernel computes an expression point by point, with the bits that libm gives; the fast
// one computes a block of points at a time, with the bounds of expr_block.h.
#ifndef JD_KERNELS_FORMULA_H
#define JD_KERNELS_FORMULA_H

#include "expr_block.h"
#include "kernels/rules.h"

struct jd_formula {
    const struct jd_integrand *named; // NULL: an expression
    struct jd_expr expr;
    struct jd_expr_block block; // of the fast kernel, once jd_formula_source() was asked for it
};

// 0 | JOBD_E_INVAL | JOBD_E_LIMIT, with *reterr (may be NULL) as jd_expr_parse(). Parameters are
// looked at only for expressions, and need not be used. *ret is written only on success.
int jd_formula_parse(jobd_bytes text, const struct jd_expr_param *params, size_t n_params,
                     struct jd_formula *ret, struct jd_expr_error *reterr);
// Borrows f, which must stay where it is. isa: of the fast kernel; available.
struct jd_source jd_formula_source(struct jd_formula *f, enum jd_kernel kernel, enum jd_isa isa);

// One word, like "cos": no expression, if it is not x, a parameter or a constant.
bool jd_formula_is_word(jobd_bytes text);
// Words with points between them, like "module.function": a plugin's function, never an expression.
bool jd_formula_is_foreign(jobd_bytes text);

#endif
