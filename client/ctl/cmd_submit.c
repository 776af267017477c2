// jobctl submit: one job, its arguments and its result as JSON.
#include <inttypes.h>

#include "arguments.h"
#include "ctl.h"
#include "job_options.h"
#include "number.h"
#include "outcome.h"

enum { KEY_DETACH = 'd', KEY_QUIET = 'q', KEY_KEY = 0x200, KEY_LOG };

struct submission {
    struct ctl *ctl;
    const char *task;
    struct job_options options;
    bool log;
};

static const struct argp_option options[] = {
    JOB_OPTIONS,
    {"key", KEY_KEY, "TEXT", 0,
     "while a job of this key is unfinished, or its result is kept, another submit gets that job",
     0},
    {"detach", KEY_DETACH, NULL, 0,
     "do not wait: print the job's id; the daemon runs it and keeps its result for a while", 0},
    {"log", KEY_LOG, NULL, 0, "show what the task writes to its log, on standard error", 0},
    {"quiet", KEY_QUIET, NULL, 0, "nothing on standard error but errors", 0},
    {0},
};

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct submission *s = state->input;
    switch (key) {
    case KEY_KEY:
        return job_options_text(s->ctl, "--key", arg, &s->options.submit.key);
    case KEY_DETACH:
        s->options.submit.detached = true;
        return 0;
    case KEY_LOG:
        s->log = true;
        return 0;
    case KEY_QUIET:
        s->ctl->quiet = true;
        return 0;
    default:
        return job_options_parse(s->ctl, &s->options, key, arg);
    }
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .args_doc = "TASK [JSON]",
             .doc = "Run one task in a worker, wait for it, and print its result as JSON.\n\n"
                    "  jobctl submit ping\n"
                    "  jobctl submit integrate '[\"cos\", 0, 1.5, 1000]'\n"
                    "  jobctl submit sleep 0.5 --time-limit 10s\n"
                    "  generate | jobctl submit TASK -\n"
                    "  id=$(jobctl submit -dq sleep 60 --label nap); jobctl result $id\n"
                    "\v" ARGUMENTS_DOC},
    .n_least = 1,
    .n_most = 2,
    .is_operand = number_is,
};

static int print_id(const struct submission *s, jobd_future *f) {
    uint64_t id;
    if (ctl_await_id(s->ctl, f, &id))
        return ctl_fail_stopped(s->ctl, "the job may have been accepted; see jobctl list");
    if (id == 0)
        return ctl_fail_job(s->ctl, f, "job", NULL);
    if (s->ctl->json)
        return ctl_print_json(s->ctl, json_pack("{s:I}", "job", (json_int_t)id));
    printf("%" PRIu64 "\n", id);
    if (!s->ctl->quiet)
        fprintf(stderr, "wait for its result with: jobctl result %" PRIu64 "\n", id);
    return CTL_DONE;
}

static int print_outcome(const struct submission *s, jobd_future *f) {
    jobd_future_on_note(f, ctl_on_note, s->ctl); // both fail if the future is done already
    if (s->log)
        jobd_future_on_log(f, ctl_on_log, s->ctl);
    if (ctl_await(s->ctl, f))
        return ctl_fail_stopped(s->ctl, "the job is cancelled, or stopped if it runs");
    return outcome_print(s->ctl, f);
}

static int submit(const struct submission *s, jobd_bytes args) {
    jobd_executor *ex;
    jobd_future *f;
    int r = job_options_open(s->ctl, s->options.pool, &ex);
    if (r)
        return r;
    r = jobd_submit(ex, s->task, args, &s->options.submit, &f);
    if (!r) {
        r = s->options.submit.detached ? print_id(s, f) : print_outcome(s, f);
        jobd_future_unref(f);
    } else
        r = job_options_explain(s->ctl, r, s->task);
    jobd_executor_free(ex);
    return r;
}

int cmd_submit(struct ctl *ctl, char **argv) {
    struct submission s = {.ctl = ctl, .options.submit = {JOBD_OPTIONS(jobd_submit_options)}};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &s, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    s.task = args.operands[0];
    struct arguments arguments;
    r = arguments_read(ctl, args.operands[1], &arguments); // NULL after the last operand
    if (!r)
        r = ctl_connect(ctl);
    if (!r)
        r = ctl_watch_signals(ctl);
    if (!r)
        r = submit(&s, arguments.bytes);
    arguments_free(&arguments);
    args_free(&args);
    return r;
}
