// jobctl result: the result of one job that somebody submitted, or why it failed.
#include <inttypes.h>

#include "ctl.h"
#include "ids.h"
#include "outcome.h"

enum { KEY_TIMEOUT = 't', KEY_ERROR = 'e', NO_TIMEOUT = -1 };

struct question {
    struct ctl *ctl;
    int64_t timeout_ms; // NO_TIMEOUT = none
    bool error;
};

static const struct argp_option options[] = {
    {"timeout", KEY_TIMEOUT, "DURATION", 0,
     "wait no longer than that; 0 does not wait (default: until it is there)", 0},
    {"error", KEY_ERROR, NULL, 0, "print why it failed, or null if it did not", 0},
    {0},
};

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct question *q = state->input;
    switch (key) {
    case KEY_TIMEOUT:
        return ctl_parse_duration(q->ctl, "--timeout", arg, true, &q->timeout_ms);
    case KEY_ERROR:
        q->error = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .args_doc = "ID",
             .doc = "Wait for a job and print its result as JSON. A job that was submitted with "
                    "--detach keeps it for a while; the result of any other went to whoever "
                    "submitted it.\n\n"
                    "  jobctl result 12\n"
                    "  jobctl result 12 --timeout 10s\n"
                    "  jobctl result 12 --error --json\n"
                    "\vA job that failed makes the exit code 1; a process gives its own."},
    .n_least = 1,
    .n_most = 1,
};

static int print_error(struct ctl *ctl, jobd_future *f) {
    jobd_error why = {.code = JOBD_E_CANCELLED, .message = "it had not begun"};
    jobd_job_info info = {.struct_size = sizeof(info)};
    bool failed = jobd_future_exception(f, 0, &why) != 0;
    jobd_future_info(f, &info);
    json_t *error = failed ? json_pack("{s:s, s:s, s:s}", "code", jobd_errname(why.code), "name",
                                       why.name, "message", why.message)
                           : json_null();
    if (ctl->json)
        return ctl_print_json(ctl,
                              json_pack("{s:s, s:I, s:o}", "state", jobd_job_state_name(info.state),
                                        "job", (json_int_t)info.job_id, "error", error));
    json_decref(error);
    if (failed)
        printf("%s%s%s: %s\n", jobd_errname(why.code), why.name[0] ? " " : "", why.name,
               why.message);
    else
        puts("null");
    return CTL_DONE;
}

static int answer(const struct question *q, uint64_t id, jobd_future *f) {
    jobd_error why;
    if (jobd_future_exception(f, 0, &why) != 1 || why.code != JOBD_E_NOENT)
        return q->error ? print_error(q->ctl, f) : outcome_print(q->ctl, f);
    snprintf(why.message, sizeof(why.message), "there is no job %" PRIu64 ", or it is forgotten",
             id);
    return ctl_fail(q->ctl, &why, NULL);
}

// With a timeout of 0 there is one answer to wait for: what the daemon knows of the job by now.
static int limit_time(const struct question *q) {
    int64_t rtt_ns;
    if (q->timeout_ms != 0) {
        ctl_set_deadline(q->ctl, q->timeout_ms);
        return 0;
    }
    ctl_set_deadline(q->ctl, 1);
    return jobd_conn_ping(q->ctl->conn, CTL_ANSWER_MS, &rtt_ns);
}

static int ask(const struct question *q, uint64_t id) {
    jobd_future *f;
    int r = jobd_future_attach(q->ctl->conn, id, &f);
    if (r)
        return ctl_fail_call(q->ctl, r, "ask for the job");
    r = limit_time(q);
    if (r)
        r = ctl_fail_call(q->ctl, r, "ask for the job");
    else if (ctl_await(q->ctl, f))
        r = ctl_fail_stopped(q->ctl, "the job goes on");
    else
        r = answer(q, id, f);
    jobd_future_unref(f);
    return r;
}

int cmd_result(struct ctl *ctl, char **argv) {
    struct question q = {.ctl = ctl, .timeout_ms = NO_TIMEOUT};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &q, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    struct ids ids;
    r = ids_read(ctl, args.operands, &ids);
    if (!r && ids.n > 1)
        r = ctl_exit_of(
            ctl_misuse(ctl, "\"jobctl wait\" waits for many", "result takes one job at a time"));
    if (!r)
        r = ctl_connect(ctl);
    if (!r)
        r = ctl_watch_signals(ctl);
    if (!r)
        r = ask(&q, ids.at[0]);
    ids_free(&ids);
    args_free(&args);
    return r;
}
