#include "parts.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "kernels/split.h"
#include "mem.h"
#include "progress.h"

enum { POINTS_AT_ONCE = 65536 }; // between two looks at the progress

int parts_prepare(struct parts *p, struct integral *in, uint64_t n_jobs) {
    size_t n = (size_t)jd_split_count(in->n_steps, JD_MIN(n_jobs, (uint64_t)PARTS_MAX));
    *p = (struct parts){.in = in, .n = n};
    p->at = jd_zalloc(n * sizeof(*p->at));
    p->values = jd_zalloc(n * sizeof(*p->values));
    if (!p->at || !p->values)
        return ctl_fail_call(in->ctl, JOBD_E_NOMEM, "prepare the parts");
    return CTL_DONE;
}

static void forget_futures(struct parts *p) {
    for (size_t i = 0; p->at && i < p->n; i++) {
        jobd_future_unref(p->at[i].future);
        p->at[i].future = NULL;
    }
}

void parts_free(struct parts *p) {
    forget_futures(p);
    jd_free(p->at);
    jd_free(p->values);
    p->at = NULL;
    p->values = NULL;
}

static void set_share(struct part *p, double share) {
    struct progress *progress = p->whole->in->ctl->progress;
    if (progress)
        progress->n_done += share - p->share;
    p->share = share;
}

// The part has its value.
static void finish(struct part *p) {
    struct parts *all = p->whole;
    all->values[p->index] = p->value;
    all->run_s += p->run_s;
    all->run_most_s = JD_MAX(all->run_most_s, p->run_s);
    if (all->on_done)
        all->on_done(p, all->arg);
    set_share(p, 1);
    all->n_done++;
}

// ---- in the workers ----

static int read_result(struct part *p, jobd_bytes value) {
    struct parts *all = p->whole;
    jobd_reader r = jobd_reader_of(value);
    uint32_t n;
    uint64_t n_steps, n_evaluations;
    jobd_bytes kernel, rule, isa;
    jobd_read_array(&r, &n);
    jobd_read_f64(&r, &p->value);
    jobd_read_u64(&r, &n_steps);
    jobd_read_str(&r, &kernel);
    jobd_read_str(&r, &rule);
    jobd_read_str(&r, &isa);
    if (jobd_read_u64(&r, &n_evaluations) < 0)
        return r.err;
    if (all->n_done == 0)
        snprintf(all->ran_on, sizeof(all->ran_on), "%.*s", (int)JD_MIN(isa.len, PARTS_ISA_MAX - 1),
                 (const char *)isa.data);
    all->n_evaluations += n_evaluations;
    return 0;
}

static void on_part_note(jobd_future *f, const char *text, void *arg) {
    struct part *p = arg;
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    set_share(p, info.progress);
    ctl_on_note(f, text, p->whole->in->ctl);
}

static void on_part_done(jobd_future *f, void *arg) {
    struct part *p = arg;
    jobd_bytes value;
    if (p->whole->failed)
        return;
    if (jobd_future_result(f, 0, &value) < 0 || read_result(p, value) < 0) {
        p->whole->failed = p;
        return;
    }
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    p->run_s = (double)info.run_ns / 1e9;
    p->pid = info.worker_pid;
    finish(p);
}

static int build_part(jobd_args *a, const struct parts *all, uint64_t i, jobd_bytes *ret) {
    const struct integral *in = all->in;
    struct jd_part part = jd_split_part(in->a, in->b, in->n_steps, all->n, i);
    jobd_args_reset(a);
    jobd_args_array(a, 9);
    jobd_args_str(a, in->function);
    jobd_args_f64(a, part.a);
    jobd_args_f64(a, part.b);
    jobd_args_u64(a, part.n);
    jobd_args_str(a, jd_kernel_name(in->kernel));
    jobd_args_str(a, jd_rule_name(in->rule));
    jobd_args_str(a, in->isa);
    jobd_args_u64(a, jd_rule_edges(i, all->n));
    integral_pack_params(in, a);
    return jobd_args_finish(a, ret);
}

// 0 | 1 stopped | JOBD_E_*.
static int submit_part(struct part *p, jobd_executor *ex, jobd_args *a) {
    struct ctl *ctl = p->whole->in->ctl;
    jobd_bytes bytes;
    int r = build_part(a, p->whole, p->index, &bytes);
    while (!r && (r = jobd_submit(ex, "integrate", bytes, NULL, &p->future)) == JOBD_E_AGAIN)
        r = ctl_turn(ctl); // room appears as bytes leave
    if (r)
        return r;
    jobd_future_on_note(p->future, on_part_note, p); // fails if the future is done already
    return jobd_future_add_done_callback(p->future, on_part_done, p);
}

// 0 | 1 stopped | JOBD_E_*.
static int run_there(struct parts *all, jobd_executor *ex) {
    jobd_args *a = jobd_args_new();
    int r = a ? 0 : JOBD_E_NOMEM;
    for (size_t i = 0; i < all->n && !r; i++)
        r = submit_part(&all->at[i], ex, a);
    jobd_args_free(a);
    while (!r && all->n_done < all->n && !all->failed)
        r = ctl_turn(all->in->ctl); // a dead connection fails every part that is not done
    return r;
}

// ---- here ----

static void run_part_here(struct part *p, const struct jd_integral *whole) {
    struct parts *all = p->whole;
    struct jd_part part = jd_split_part(whole->a, whole->b, whole->n, all->n, p->index);
    struct jd_integral one = *whole;
    struct jd_rule_run run;
    uint64_t begin_ns = ctl_now_ns();
    one.a = part.a;
    one.b = part.b;
    one.n = part.n;
    one.edges = jd_rule_edges(p->index, all->n);
    jd_rule_begin(&run, &one);
    while (jd_rule_advance(&run, POINTS_AT_ONCE)) {
        set_share(p, jd_rule_fraction(&run));
        progress_tick(all->in->ctl->progress);
    }
    p->value = jd_rule_value(&run);
    p->run_s = (double)(ctl_now_ns() - begin_ns) / 1e9;
    p->pid = getpid();
    all->n_evaluations += jd_rule_evaluations(&one);
    finish(p);
}

static void run_here(struct parts *all) {
    const struct jd_integral whole = integral_here(all->in);
    if (whole.kernel == JD_KERNEL_FAST)
        snprintf(all->ran_on, sizeof(all->ran_on), "%s", jd_isa_name(whole.isa));
    for (size_t i = 0; i < all->n; i++)
        run_part_here(&all->at[i], &whole);
}

// ---- a run ----

static int explain(const struct parts *all, int r) {
    struct ctl *ctl = all->in->ctl;
    char what[80];
    jobd_error why;
    if (r > 0) {
        snprintf(what, sizeof(what), "%zu of %zu parts were done, the others are cancelled",
                 all->n_done, all->n);
        return ctl_fail_stopped(ctl, what);
    }
    if (!all->failed)
        return ctl_fail_call(ctl, r, "submit the parts");
    if (jobd_future_exception(all->failed->future, 0, &why) == 0) // a result, but of another shape
        return ctl_fail_call(ctl, JOBD_E_PROTO, "read the result of a part");
    snprintf(what, sizeof(what), "part %" PRIu64 ", job", all->failed->index);
    return ctl_fail_job(ctl, all->failed->future, what, integral_hint(all->in, &why));
}

int parts_run(struct parts *p, jobd_executor *ex) {
    int r = 0;
    forget_futures(p);
    for (size_t i = 0; i < p->n; i++)
        p->at[i] = (struct part){.whole = p, .index = i};
    p->n_done = 0;
    p->n_evaluations = 0;
    p->run_s = p->run_most_s = 0;
    uint64_t begin_ns = ctl_now_ns();
    if (p->in->backend == BACKEND_serial)
        run_here(p);
    else
        r = run_there(p, ex);
    p->wall_s = (double)(ctl_now_ns() - begin_ns) / 1e9;
    if (r || p->failed) {
        progress_end(p->in->ctl);
        return explain(p, r);
    }
    p->value = jd_split_reduce(p->values, p->n);
    return CTL_DONE;
}
