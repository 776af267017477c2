#include "quad.h"

#include <math.h>
#include <string.h>

#include "kernels/split.h"
#include "mem.h"
#include "print.h"
#include "progress.h"

// One interval in a worker.
struct job {
    struct run *run;
    size_t interval;
    jobd_future *future; // owned; NULL = the place is free
};

struct run {
    struct quad *quad;
    struct ctl *ctl;
    struct adapt adapt;
    jobd_executor *executor;
    jobd_args *args;
    struct job *jobs; // n_jobs of them
    bool failed;
    struct job *bad;         // the first whose job failed, or gave no halves
    struct jd_integral here; // serial: of whose function the intervals are
    struct jd_point point;   // serial: where it is not finite
    struct progress progress;
};

// ---- verdicts, in words ----

static int cannot(const struct run *run, const char *name, const char *message, const char *hint) {
    jobd_error why = {.code = JOBD_E_TASK};
    snprintf(why.name, sizeof(why.name), "%s", name);
    snprintf(why.message, sizeof(why.message), "%s", message);
    return ctl_fail(run->ctl, &why, hint);
}

static int explain(const struct run *run, const struct adapt_state *now) {
    double near = now->worst < run->adapt.n ? run->adapt.at[now->worst].a : 0;
    char best[CTL_DOUBLE_MAX], text[256];
    ctl_double_text(now->value, best);
    switch (now->verdict) {
    case ADAPT_DIVERGES:
        snprintf(text, sizeof(text),
                 "the integral seems to diverge near x = %.6g: halving the interval there %d times "
                 "did not make its error smaller",
                 near, ADAPT_STALLED_MAX);
        return cannot(
            run, "diverges", text,
            "look at the function there; if the integral exists, write it so that it is bounded");
    case ADAPT_NARROW:
        snprintf(text, sizeof(text),
                 "the function is too steep near x = %.17g: double precision has no smaller "
                 "interval there, and the error is still %.3g (value %s)",
                 near, now->error, best);
        return cannot(run, "too_narrow", text,
                      "if there is a pole, the integral may not exist; else allow a larger --tol");
    case ADAPT_ROUNDING:
        snprintf(text, sizeof(text),
                 "an error of %.3g cannot be reached: rounding alone makes about %.3g here (value "
                 "%s)",
                 now->goal, now->rounding, best);
        return cannot(run, "rounding", text, "allow a larger --tol, or --rtol");
    default:
        snprintf(text, sizeof(text),
                 "%zu intervals were not enough: the error is still %.3g (value %s); the function "
                 "oscillates too much, or has too many steep places",
                 run->adapt.n, now->error, best);
        return cannot(run, "too_many_intervals", text,
                      "allow a larger --tol, or integrate smaller intervals one by one");
    }
}

static int explain_point(const struct run *run) {
    jobd_error why = {.code = JOBD_E_TASK, .name = "not_finite"};
    snprintf(why.message, sizeof(why.message), "the function is %s in x = %.17g",
             isnan(run->point.y)     ? "nan"
             : signbit(run->point.y) ? "-inf"
                                     : "inf",
             run->point.x);
    return ctl_fail(run->ctl, &why, integral_hint(run->quad->in, &why));
}

// ---- here ----

static int halve_here(struct run *run, size_t i) {
    const struct adapt_interval *whole = &run->adapt.at[i];
    struct jd_integral in = run->here;
    struct jd_panel halves[2];
    for (uint64_t k = 0; k < 2; k++) {
        struct jd_part part = jd_split_part(whole->a, whole->b, 2, 2, k);
        in.a = part.a;
        in.b = part.b;
        if (!jd_kronrod(&in, &halves[k], &run->point)) {
            run->failed = true;
            return 0;
        }
    }
    int r = adapt_take(&run->adapt, i);
    if (!r)
        adapt_give(&run->adapt, i, halves);
    return r;
}

// ---- in a worker ----

static int read_halves(struct run *run, jobd_bytes value, struct jd_panel halves[2]) {
    jobd_reader r = jobd_reader_of(value);
    uint32_t n, n_panels = 0;
    jobd_bytes isa = {.len = 0};
    jobd_read_array(&r, &n);
    jobd_read_str(&r, &isa);
    jobd_read_array(&r, &n_panels);
    for (uint32_t i = 0; i < 2; i++) {
        jobd_read_array(&r, &n);
        jobd_read_f64(&r, &halves[i].value);
        jobd_read_f64(&r, &halves[i].error);
        jobd_read_f64(&r, &halves[i].rounding);
    }
    if (r.err || n_panels != 2)
        return JOBD_E_PROTO;
    snprintf(run->quad->ran_on, QUAD_ISA_MAX, "%.*s", (int)JD_MIN(isa.len, QUAD_ISA_MAX - 1),
             (const char *)isa.data);
    return 0;
}

static void on_halved(jobd_future *f, void *arg) {
    struct job *job = arg;
    struct run *run = job->run;
    struct jd_panel halves[2];
    jobd_bytes value;
    if (run->failed)
        return;
    if (jobd_future_result(f, 0, &value) < 0 || read_halves(run, value, halves) < 0) {
        run->failed = true;
        run->bad = job;
        return;
    }
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    run->quad->run_s += (double)info.run_ns / 1e9;
    adapt_give(&run->adapt, job->interval, halves);
    jobd_future_unref(job->future);
    job->future = NULL;
}

static int build(struct run *run, size_t i, jobd_bytes *ret) {
    const struct integral *in = run->quad->in;
    jobd_args *a = run->args;
    jobd_args_reset(a);
    jobd_args_array(a, 7);
    jobd_args_str(a, in->function);
    jobd_args_f64(a, run->adapt.at[i].a);
    jobd_args_f64(a, run->adapt.at[i].b);
    jobd_args_u64(a, 2);
    jobd_args_str(a, jd_kernel_name(in->kernel));
    jobd_args_str(a, in->isa);
    integral_pack_params(in, a);
    return jobd_args_finish(a, ret);
}

// There is a free place. 0 | 1 stopped | JOBD_E_*.
static int halve_there(struct run *run, size_t i) {
    struct job *job = run->jobs;
    while (job->future)
        job++;
    jobd_bytes bytes;
    int r = adapt_take(&run->adapt, i);
    r = r ? r : build(run, i, &bytes);
    *job = (struct job){.run = run, .interval = i};
    while (!r &&
           (r = jobd_submit(run->executor, "quad", bytes, NULL, &job->future)) == JOBD_E_AGAIN)
        r = ctl_turn(run->ctl);
    if (r)
        return r;
    jobd_future_on_note(job->future, ctl_on_note, run->ctl);
    return jobd_future_add_done_callback(job->future, on_halved, job);
}

// ---- a run ----

static bool is_serial(const struct run *run) {
    return run->quad->in->backend == BACKEND_serial;
}

// 0 with *now telling how it ended | 1 stopped | JOBD_E_*.
static int refine(struct run *run, struct adapt_state *now) {
    int r = 0;
    while (!r && !run->failed) {
        *now = adapt_look(&run->adapt);
        if (now->verdict != ADAPT_GO)
            return 0;
        run->progress.n_done = (double)run->adapt.n;
        bool wait = run->adapt.n_out >= run->quad->n_jobs || now->worst == run->adapt.n;
        if (is_serial(run)) {
            r = halve_here(run, now->worst);
            progress_tick(&run->progress);
        } else
            r = wait ? ctl_turn(run->ctl) : halve_there(run, now->worst);
    }
    return r;
}

static int conclude(struct run *run, int r, const struct adapt_state *now) {
    if (r > 0)
        return ctl_fail_stopped(run->ctl, "the integral is not done, its jobs are cancelled");
    jobd_error why = {.code = 0};
    if (run->bad && jobd_future_exception(run->bad->future, 0, &why) == 0)
        return ctl_fail_call(run->ctl, JOBD_E_PROTO, "read the result of an interval");
    if (run->bad)
        return ctl_fail_job(run->ctl, run->bad->future, "an interval, job",
                            integral_hint(run->quad->in, &why));
    if (run->failed)
        return explain_point(run);
    if (r < 0)
        return ctl_fail_call(run->ctl, r, "submit the intervals");
    return now->verdict == ADAPT_DONE ? CTL_DONE : explain(run, now);
}

static int prepare(struct run *run) {
    struct quad *q = run->quad;
    const jobd_executor_options options = {JOBD_OPTIONS(jobd_executor_options),
                                           .pool = backend_pool(q->in->backend)};
    int r = adapt_begin(&run->adapt, q->in->a, q->in->b, ADAPT_INTERVALS_MAX);
    run->adapt.tolerance = q->tolerance;
    run->adapt.relative = q->relative;
    run->jobs = jd_zalloc(q->n_jobs * sizeof(*run->jobs));
    run->args = jobd_args_new();
    if (!run->jobs || !run->args)
        r = JOBD_E_NOMEM;
    if (!r && is_serial(run)) {
        run->here = integral_here(q->in);
        if (run->here.kernel == JD_KERNEL_FAST)
            snprintf(q->ran_on, sizeof(q->ran_on), "%s", jd_isa_name(run->here.isa));
    } else if (!r)
        r = jobd_executor_open(run->ctl->conn, &options, &run->executor);
    return r ? ctl_fail_call(run->ctl, r, "prepare the intervals") : CTL_DONE;
}

static void clear(struct run *run) {
    run->failed = true; // callbacks of what is still out look at nothing else
    jobd_executor_free(run->executor);
    ctl_disconnect(run->ctl);
    for (uint64_t i = 0; run->jobs && i < run->quad->n_jobs; i++)
        jobd_future_unref(run->jobs[i].future);
    jd_free(run->jobs);
    jobd_args_free(run->args);
    adapt_free(&run->adapt);
}

int quad_run(struct quad *q) {
    struct run run = {.quad = q, .ctl = q->in->ctl};
    struct adapt_state now = {.verdict = ADAPT_GO};
    uint64_t begin_ns = ctl_now_ns();
    int r = prepare(&run);
    if (!r) {
        progress_begin(&run.progress, run.ctl, "integrate", 0);
        r = refine(&run, &now);
        progress_end(run.ctl);
        r = conclude(&run, r, &now);
    }
    q->value = now.value;
    q->error = now.error;
    q->goal = now.goal;
    q->n_intervals = run.adapt.n;
    q->n_evaluations =
        (uint64_t)(run.adapt.n - JD_MIN(run.adapt.n, (size_t)ADAPT_FIRST)) * 2 * JD_KRONROD_POINTS;
    q->wall_s = (double)(ctl_now_ns() - begin_ns) / 1e9;
    clear(&run);
    return r;
}
