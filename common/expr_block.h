// An expression for many x at once: every operation is a loop over a block of values that stays in
// the first-level cache, with the widest vectors that the machine has.
//
// Against jd_expr_eval(), operation by operation:
//   the same bits  + - * / sqrt abs floor ceil trunc rint, comparisons, && || ! if min max copysign;
//                  a nan may have another sign or payload
//   within 4 ulp   libmvec's sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp exp2
//                  expm1 log log2 log10 log1p cbrt erf erfc pow atan2 hypot
//   libm's own     all others, one value after the other
// Powers with some constant exponents are multiplications, divisions and square roots: -4 to 5,
// -0.5, 0.5, 1.5 and 2.5 within 4 ulp, 6 to 8 within 8 ulp. 2^x is exp2(x), within 4 ulp.
// What one operation loses the next one may enlarge, as always.
//
// An element's bits depend on its x and the level alone, not on its place in the block.
#ifndef JD_EXPR_BLOCK_H
#define JD_EXPR_BLOCK_H

#include "expr_kernels.h"

enum jd_expr_level { JD_EXPR_BASE, JD_EXPR_AVX2, JD_EXPR_AVX512, JD_EXPR_N_LEVELS };

enum {
    JD_EXPR_STEPS_MAX = JD_EXPR_OPS_MAX + 1,
    JD_EXPR_BLOCK_MAX = 512,    // doubles
    JD_EXPR_SCRATCH_MAX = 2048, // doubles on the stack for what is under way: half of a small L1
};

// Where an operand of a step is: an index.
enum {
    JD_EXPR_AT_X,
    JD_EXPR_AT_Y,
    JD_EXPR_AT_SCRATCH,
    JD_EXPR_AT_CONSTANT = JD_EXPR_AT_SCRATCH + JD_EXPR_STEPS_MAX,
    JD_EXPR_AT_END = JD_EXPR_AT_CONSTANT + JD_EXPR_OPS_MAX,
};

struct jd_expr_step {
    jd_expr_kernel *kernel; // NULL: op, for one element after the other
    struct jd_expr_op op;
    uint16_t to, from[JD_EXPR_OPERANDS_MAX];
};

// Holds no pointer into itself: it may be copied. Never changed by running it, so that any number
// of threads may share it.
struct jd_expr_block {
    unsigned n_steps, n_scratch, n_constants;
    unsigned block; // doubles in each block: all of them fit into the scratch memory
    struct jd_expr_step steps[JD_EXPR_STEPS_MAX];
    double constants[JD_EXPR_OPS_MAX];
};

// The highest level that this machine has; level n contains all below.
enum jd_expr_level jd_expr_level_best(void);
const char *jd_expr_level_name(enum jd_expr_level level);

// level: at most jd_expr_level_best().
void jd_expr_compile(const struct jd_expr *e, enum jd_expr_level level, struct jd_expr_block *ret);
// y[i] = the value at x[i]; block is a struct jd_expr_block. y does not overlap x. Uses 20 KiB of
// stack.
void jd_expr_run(const void *block, const double *x, double *y, size_t n);

#endif
