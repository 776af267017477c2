// A compiled expression is run block by block: all its steps on one block, then on the next. What
// is under way is in scratch memory on the stack, so that one expression serves any thread.
#include "expr_block.h"

#include "expr_ops.h"
#include "guard.h"

enum jd_expr_level jd_expr_level_best(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        return JD_EXPR_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return JD_EXPR_AVX2;
#endif
    return JD_EXPR_BASE;
}

const char *jd_expr_level_name(enum jd_expr_level level) {
    static const char *const names[] = {"base", "avx2", "avx512"};
    return names[level];
}

// What has no loop of its own.
static void call_each(const struct jd_expr_op *op, double *y, const double *const *in, size_t n) {
    if (op->kind == JD_EXPR_CALL)
        for (size_t i = 0; i < n; i++)
            y[i] = op->u.call(in[0][i]);
    else
        for (size_t i = 0; i < n; i++)
            y[i] = op->u.call2(in[0][i], in[1][i]);
}

void jd_expr_run(const void *block, const double *x, double *y, size_t n) {
    const struct jd_expr_block *b = block;
    _Alignas(64) double scratch[JD_EXPR_SCRATCH_MAX];
    double *to[JD_EXPR_AT_CONSTANT];    // where a step may write
    const double *from[JD_EXPR_AT_END]; // and what it may read
    for (unsigned i = 0; i < b->n_scratch; i++)
        from[JD_EXPR_AT_SCRATCH + i] = to[JD_EXPR_AT_SCRATCH + i] = scratch + i * b->block;
    for (unsigned i = 0; i < b->n_constants; i++)
        from[JD_EXPR_AT_CONSTANT + i] = &b->constants[i];
    for (size_t done = 0; done < n; done += b->block) {
        size_t len = JD_MIN(n - done, (size_t)b->block);
        from[JD_EXPR_AT_X] = x + done;
        to[JD_EXPR_AT_Y] = y + done;
        for (unsigned i = 0; i < b->n_steps; i++) {
            const struct jd_expr_step *s = &b->steps[i];
            const double *in[JD_EXPR_OPERANDS_MAX];
            for (unsigned k = 0; k < JD_EXPR_OPERANDS_MAX; k++)
                in[k] = from[s->from[k]];
            if (s->kernel)
                s->kernel(to[s->to], in, len);
            else
                call_each(&s->op, to[s->to], in, len);
        }
    }
}
