// jobctl wait: until jobs have ended, whoever submitted them. Each is told of when it ends.
#include <inttypes.h>

#include "ctl.h"
#include "ids.h"
#include "mem.h"
#include "print.h"
#include "progress.h"

enum { KEY_TIMEOUT = 't', KEY_QUIET = 'q', KEY_ANY = 0x200, KEY_ALL, KEY_IGNORE_FAILURES };

struct waiting;

struct waited {
    struct waiting *whole;
    uint64_t id;
    jobd_future *future; // owned; NULL = not asked for yet
};

struct waiting {
    struct ctl *ctl;
    bool any;
    bool ignore_failures;
    int64_t timeout_ms; // 0 = none
    struct waited *jobs;
    size_t n_jobs;
    size_t n_done;
    size_t n_failed;
    size_t n_missing; // no such jobs
    json_t *rows;     // the jobs that have ended, in that order
    struct progress progress;
};

static const struct argp_option options[] = {
    {"all", KEY_ALL, NULL, 0, "until all have ended (the default)", 0},
    {"any", KEY_ANY, NULL, 0, "until one has ended", 0},
    {"timeout", KEY_TIMEOUT, "DURATION", 0, "wait no longer than that; the jobs go on", 0},
    {"ignore-failures", KEY_IGNORE_FAILURES, NULL, 0, "a job that failed is as good as any", 0},
    {"quiet", KEY_QUIET, NULL, 0, "print nothing but errors", 0},
    {0},
};

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct waiting *w = state->input;
    switch (key) {
    case KEY_ALL:
    case KEY_ANY:
        w->any = key == KEY_ANY;
        return 0;
    case KEY_TIMEOUT:
        return ctl_parse_duration(w->ctl, "--timeout", arg, false, &w->timeout_ms);
    case KEY_IGNORE_FAILURES:
        w->ignore_failures = true;
        return 0;
    case KEY_QUIET:
        w->ctl->quiet = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .args_doc = "ID...",
             .doc = "Wait for jobs to end, and say how each of them did.\n\n"
                    "  jobctl wait 12\n"
                    "  jobctl wait 3-9 12,14 --any --timeout 5m\n"
                    "  jobctl list --label nightly --json | jq .job | jobctl wait -q -\n"
                    "\vCtrl-C ends the waiting, never a job. A job that failed makes the exit "
                    "code 1, one that does not exist 3."},
    .n_least = 1,
    .n_most = CTL_MANY,
};

// ---- The jobs ----

// What became of a job.
struct end {
    uint64_t id;
    const char *state;
    bool failed;
    bool missing;
    jobd_error why; // if it failed
};

static void note_end(struct waiting *w, const struct end *e, int status) {
    progress_clear(w->ctl->progress);
    if (w->ctl->json) {
        json_t *row = json_pack("{s:I, s:s?, s:s?, s:s?, s:i}", "job", (json_int_t)e->id, "state",
                                e->missing ? NULL : e->state, "error",
                                e->failed ? jobd_errname(e->why.code) : NULL, "text",
                                e->failed ? e->why.message : NULL, "status", status);
        json_array_append_new(w->rows, row);
        return;
    }
    if (w->ctl->quiet && !e->missing)
        return;
    if (e->missing)
        fputs("jobctl: ", stderr);
    else
        printf("job %" PRIu64 " %s%s", e->id, e->state, e->failed && *e->why.message ? ": " : "");
    FILE *out = e->missing ? stderr : stdout;
    ctl_print_safe(out, e->why.message);
    putc('\n', out);
}

static void on_done(jobd_future *f, void *arg) {
    const struct waited *job = arg;
    struct waiting *w = job->whole;
    if (jobd_conn_ready(w->ctl->conn) < 0)
        return; // it is the connection that has ended
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    struct end e = {.id = job->id, .state = jobd_job_state_name(info.state)};
    e.failed = jobd_future_exception(f, 0, &e.why) != 0;
    e.missing = e.why.code == JOBD_E_NOENT;
    note_end(w, &e, info.status);
    w->n_done++;
    w->n_failed += e.failed && !e.missing;
    w->n_missing += e.missing;
    w->progress.n_done = (double)w->n_done;
}

// 0 | 1 stop | JOBD_E_*.
static int attach(struct waiting *w) {
    int r = 0;
    for (size_t i = 0; i < w->n_jobs && !r; i++) {
        struct waited *job = &w->jobs[i];
        while ((r = jobd_future_attach(w->ctl->conn, job->id, &job->future)) == JOBD_E_AGAIN)
            if ((r = ctl_turn(w->ctl)) != 0) // room appears as bytes leave
                return r;
        if (!r)
            r = jobd_future_add_done_callback(job->future, on_done, job);
    }
    return r;
}

static int explain_stop(const struct waiting *w) {
    char what[80];
    snprintf(what, sizeof(what), "%zu of %zu jobs have ended, the others go on", w->n_done,
             w->n_jobs);
    return ctl_fail_stopped(w->ctl, what);
}

static int wait_for_jobs(struct waiting *w) {
    ctl_set_deadline(w->ctl, w->timeout_ms);
    progress_begin(&w->progress, w->ctl, "wait", (double)w->n_jobs);
    int r = attach(w);
    while (!r && w->n_done < (w->any ? 1 : w->n_jobs))
        r = ctl_turn(w->ctl);
    progress_end(w->ctl);
    if (r > 0)
        return explain_stop(w);
    if (r < 0)
        return ctl_fail_call(w->ctl, r, "wait for the jobs");
    if (w->ctl->json)
        r = ctl_print_json(w->ctl, json_pack("{s:O}", "jobs", w->rows));
    if (!r && w->n_missing > 0)
        r = CTL_NOT_THERE;
    if (!r && w->n_failed > 0 && !w->ignore_failures)
        r = CTL_JOB_FAILED;
    return r;
}

static int prepare(struct waiting *w, char *const *tokens) {
    struct ids ids;
    int r = ids_read(w->ctl, tokens, &ids);
    w->jobs = jd_zalloc(ids.n * sizeof(*w->jobs));
    w->rows = json_array();
    if (!r && (!w->jobs || !w->rows))
        r = ctl_fail_call(w->ctl, JOBD_E_NOMEM, "wait for the jobs");
    for (; w->n_jobs < ids.n && !r; w->n_jobs++)
        w->jobs[w->n_jobs] = (struct waited){.whole = w, .id = ids.at[w->n_jobs]};
    ids_free(&ids);
    return r;
}

static void free_all(struct waiting *w) {
    for (size_t i = 0; i < w->n_jobs; i++)
        jobd_future_unref(w->jobs[i].future);
    jd_free(w->jobs);
    json_decref(w->rows);
}

int cmd_wait(struct ctl *ctl, char **argv) {
    struct waiting w = {.ctl = ctl};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &w, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    r = prepare(&w, args.operands);
    if (!r)
        r = ctl_connect(ctl);
    if (!r)
        r = ctl_watch_signals(ctl);
    if (!r)
        r = wait_for_jobs(&w);
    ctl_disconnect(ctl); // first: it ends unfinished futures, whose callbacks look at the rest
    free_all(&w);
    args_free(&args);
    return r;
}
