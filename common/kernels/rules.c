#include "kernels/rules.h"

#include <string.h>

#include "guard.h"
#include "kernels/portable.h"
#include "kernels/split.h"

enum { PASSES_MAX = 4 };

struct pass {
    double shift; // in steps
    double weight;
};

static const struct rule {
    unsigned n_passes;
    bool ends; // the first pass has the end points of the interval, with half their weight
    struct pass passes[PASSES_MAX];
} rules[] = {
    [JD_RULE_LEFT] = {1, false, {{0.0, 1.0}}},
    [JD_RULE_MIDPOINT] = {1, false, {{0.5, 1.0}}},
    [JD_RULE_TRAPEZOID] = {1, true, {{0.0, 1.0}}},
    [JD_RULE_SIMPSON] = {2, true, {{0.0, 1.0 / 3.0}, {0.5, 2.0 / 3.0}}},
    // (1 - x) / 2 and w / 2 of the roots x of the Legendre polynomial P4.
    [JD_RULE_GAUSS] = {4,
                       false,
                       {{0.069431844202973712388, 0.173927422568726928687},
                        {0.330009478207571867599, 0.326072577431273071313},
                        {0.669990521792428132401, 0.326072577431273071313},
                        {0.930568155797026287612, 0.173927422568726928687}}},
};

#define X(name, id) #name,
static const char *const rule_names[] = {JD_RULE_MAP(X)};
static const char *const kernel_names[] = {JD_KERNEL_MAP(X)};
#undef X

const char *jd_rule_name(enum jd_rule rule) {
    JD_ASSERT((size_t)rule < JD_LEN(rule_names));
    return rule_names[rule];
}

const char *jd_kernel_name(enum jd_kernel kernel) {
    JD_ASSERT((size_t)kernel < JD_LEN(kernel_names));
    return kernel_names[kernel];
}

// The index, or -1.
static int find(const char *const *names, int n_names, jobd_bytes name) {
    for (int i = 0; i < n_names; i++)
        if (name.len == strlen(names[i]) && memcmp(name.data, names[i], name.len) == 0)
            return i;
    return -1;
}

int jd_rule_find(jobd_bytes name, enum jd_rule *ret) {
    int i = find(rule_names, JD_LEN(rule_names), name);
    if (i < 0)
        return JOBD_E_INVAL;
    *ret = (enum jd_rule)i;
    return 0;
}

int jd_kernel_find(jobd_bytes name, enum jd_kernel *ret) {
    int i = find(kernel_names, JD_LEN(kernel_names), name);
    if (i < 0)
        return JOBD_E_INVAL;
    *ret = (enum jd_kernel)i;
    return 0;
}

static double step_of(const struct jd_integral *in) {
    return jd_part_step((struct jd_part){in->a, in->b, in->n});
}

void jd_integral_values(const struct jd_integral *in, const double *x, double *y, size_t n) {
    const struct jd_source *f = &in->f;
    if (!f->named)
        f->block(f->ctx, x, y, n);
    else if (in->kernel == JD_KERNEL_FAST)
        jd_fast_block(f->named, in->isa)(NULL, x, y, n);
    else
        for (size_t i = 0; i < n; i++)
            y[i] = f->named->f(x[i]);
}

// At an end of the interval: half of f there, times the step.
static double end_term(const struct jd_integral *in, double x) {
    double y;
    jd_integral_values(in, &x, &y, 1);
    return 0.5 * y * step_of(in);
}

static bool has_end(const struct jd_rule_run *run, unsigned edge) {
    return rules[run->in.rule].ends && run->pass == 0 && (run->in.edges & edge) != 0;
}

static void begin_pass(struct jd_rule_run *run) {
    const struct jd_integral *in = &run->in;
    double shift = rules[in->rule].passes[run->pass].shift, step = step_of(in);
    bool has_a = has_end(run, JD_EDGE_A);
    run->grid = (struct jd_grid){
        .a = shift > 0.0 ? in->a + shift * step : in->a,
        .step = step,
        .from = has_a ? 1 : 0,
        .to = in->n,
    };
    run->acc = has_a ? end_term(in, in->a) : 0.0;
    if (in->kernel == JD_KERNEL_FAST)
        jd_fast_begin(&run->fast, in->isa, &in->f, &run->grid);
}

static void end_pass(struct jd_rule_run *run) {
    const struct jd_integral *in = &run->in;
    if (in->kernel == JD_KERNEL_FAST)
        run->acc += jd_fast_end(&run->fast);
    if (has_end(run, JD_EDGE_B))
        run->acc += end_term(in, in->b);
    run->value += rules[in->rule].passes[run->pass].weight * run->acc;
    run->pass++;
}

void jd_rule_begin(struct jd_rule_run *run, const struct jd_integral *in) {
    JD_ASSERT(in->n >= 1 && in->n <= JD_N_ITER_MAX);
    *run = (struct jd_rule_run){.in = *in};
    begin_pass(run);
}

static uint64_t advance_pass(struct jd_rule_run *run, uint64_t n) {
    if (run->in.kernel == JD_KERNEL_FAST)
        return jd_fast_run(&run->fast, n);
    struct jd_grid now = run->grid;
    now.to = now.from + JD_MIN(now.to - now.from, n);
    run->acc = jd_sum_portable_source(&run->in.f, &now, run->acc);
    run->grid.from = now.to;
    return run->grid.to - now.to;
}

bool jd_rule_advance(struct jd_rule_run *run, uint64_t n) {
    unsigned n_passes = rules[run->in.rule].n_passes;
    if (run->pass < n_passes && advance_pass(run, n) == 0) {
        end_pass(run);
        if (run->pass < n_passes)
            begin_pass(run);
    }
    return run->pass < n_passes;
}

double jd_rule_fraction(const struct jd_rule_run *run) {
    unsigned n_passes = rules[run->in.rule].n_passes;
    if (run->pass == n_passes)
        return 1.0;
    uint64_t from = run->in.kernel == JD_KERNEL_FAST ? run->fast.grid.from : run->grid.from;
    return ((double)run->pass + (double)from / (double)run->in.n) / (double)n_passes;
}

double jd_rule_value(const struct jd_rule_run *run) {
    JD_ASSERT(run->pass == rules[run->in.rule].n_passes);
    return run->value;
}

uint64_t jd_rule_evaluations(const struct jd_integral *in) {
    const struct rule *rule = &rules[in->rule];
    return rule->n_passes * in->n + (rule->ends && (in->edges & JD_EDGE_B) ? 1 : 0);
}
