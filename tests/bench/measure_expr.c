// Expressions that a user types, evaluated block by block, against the same expressions compiled by
// the C compiler for this machine with all that fast-math allows.
#include <math.h>
#include <string.h>

#include "expr_block.h"
#include "floor_expr.h"
#include "mem.h"
#include "rounds.h"

enum { BLOCK = 512, CALLS = 200, BATCHES = 21, N_EXPRESSIONS = 10 };

static const struct {
    const char *name, *text;
    floor_expr *floor;
} expressions[] = {
#define X(name, text, e) {"expr." #name, text, floor_expr_##name},
    FLOOR_EXPRESSIONS(X)
#undef X
};
_Static_assert(JD_LEN(expressions) == N_EXPRESSIONS, "every expression has a row");

static const struct target one_target = {TARGET_AT_MOST, 4};
static const struct target mean_target = {TARGET_AT_MOST, 2};

struct run {
    floor_expr *floor; // NULL: the block evaluator
    struct jd_expr_block block;
    double result[BLOCK]; // of the last round
};

static double x_at(unsigned i) {
    return (i + 0.5) / BLOCK;
}

// The median of some batches, in ns for each x.
static int measure_round(void *self, double *ret_ns) {
    struct run *run = self;
    _Alignas(64) double x[BLOCK], y[BLOCK];
    double ns[BATCHES];
    for (unsigned i = 0; i < BLOCK; i++)
        x[i] = x_at(i);
    for (unsigned i = 0; i < BATCHES; i++) {
        uint64_t start_ns = bench_now_ns();
        for (unsigned k = 0; k < CALLS; k++)
            if (run->floor)
                run->floor(x, y, BLOCK);
            else
                jd_expr_run(&run->block, x, y, BLOCK);
        ns[i] = (double)(bench_now_ns() - start_ns) / CALLS / BLOCK;
    }
    memcpy(run->result, y, sizeof y);
    *ret_ns = stats_quantile(ns, BATCHES, 0.5);
    return 0;
}

static int prepare(struct run *run, const char *text) {
    static const struct jd_expr_param params[] = {{{"m", 1}, FLOOR_EXPR_M},
                                                  {{"s", 1}, FLOOR_EXPR_S}};
    static const struct jd_expr_scope scope = {true, params, JD_LEN(params)};
    struct jd_expr e;
    struct jd_expr_error error;
    if (jd_expr_parse((jobd_bytes){text, strlen(text)}, &scope, &e, &error) < 0)
        return bench_fail("%s: %s", text, error.text);
    jd_expr_compile(&e, jd_expr_level_best(), &run->block);
    return 0;
}

// Both sides compute the same thing: the floor may take liberties, but not more.
static int check(const struct run *floor, const struct run *jobd, const char *text) {
    for (unsigned i = 0; i < BLOCK; i++)
        if (!(fabs(floor->result[i] - jobd->result[i]) <= 1e-9))
            return bench_fail("%s at %.17g is %.17g, the floor says %.17g", text, x_at(i),
                              jobd->result[i], floor->result[i]);
    return 0;
}

static void add_rows(struct bench *b, const struct variant *v) {
    struct series mean = {.n = 0};
    for (unsigned i = 0; i < N_EXPRESSIONS; i++)
        report_add(b->report, &(struct report_row){
                                  .name = expressions[i].name,
                                  .unit = "ns/x",
                                  .value = b->daemon ? &v[2 * i + 1].metric[0] : NULL,
                                  .floor = &v[2 * i].metric[0],
                                  .floor_name = expressions[i].text,
                                  .target = one_target,
                              });
    if (!b->daemon)
        return;
    for (unsigned round = 0; round < v[0].metric[0].n; round++) {
        double logs = 0;
        for (unsigned i = 0; i < N_EXPRESSIONS; i++)
            logs += log(v[2 * i + 1].metric[0].v[round] / v[2 * i].metric[0].v[round]);
        series_add(&mean, exp(logs / N_EXPRESSIONS));
    }
    report_add(b->report,
               &(struct report_row){
                   .name = "expr.mean", .unit = "", .value = &mean, .target = mean_target});
    report_note(b->report, "expr: loops of level %s; expr.mean is the geometric mean of the ratios",
                jd_expr_level_name(jd_expr_level_best()));
}

int measure_expr(struct bench *b) {
    struct run *runs = jd_zalloc(2 * N_EXPRESSIONS * sizeof *runs);
    struct variant v[2 * N_EXPRESSIONS];
    int r = 0;
    JD_ASSERT(runs);
    for (unsigned i = 0; i < N_EXPRESSIONS && r == 0; i++) {
        struct run *floor = &runs[2 * i], *jobd = &runs[2 * i + 1];
        floor->floor = expressions[i].floor;
        r = prepare(floor, expressions[i].text);
        if (r == 0)
            r = prepare(jobd, expressions[i].text);
        v[2 * i] = (struct variant){.name = "compiled", .self = floor, .floor = true};
        v[2 * i + 1] = (struct variant){.name = "typed", .self = jobd};
    }
    for (unsigned i = 0; i < 2 * N_EXPRESSIONS; i++) {
        v[i].round = measure_round;
        v[i].n_metrics = 1;
    }
    if (r == 0)
        r = rounds_run(b, v, 2 * N_EXPRESSIONS);
    for (unsigned i = 0; i < N_EXPRESSIONS && r == 0 && b->daemon && !b->hold_s; i++)
        r = check(&runs[2 * i], &runs[2 * i + 1], expressions[i].text);
    if (r == 0 && !b->hold_s)
        add_rows(b, v);
    jd_free(runs);
    return r;
}
