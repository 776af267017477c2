// jobctl submit: one job, its arguments and its result as JSON.
#include <string.h>

#include "ctl.h"
#include "duration.h"
#include "json.h"
#include "number.h"
#include "print.h"

enum { KEY_TIME_LIMIT = 0x200, KEY_RETRIES_LOST, LOST_MAX = 2 };

struct submission {
    struct ctl *ctl;
    const char *task;
    jobd_submit_options options;
};

static const struct argp_option options[] = {
    {"time-limit", KEY_TIME_LIMIT, "DURATION", 0,
     "stop the job when it has run that long: 500ms, "
     "90s, 5m, 1h30m (default: none)",
     0},
    {"retries-lost", KEY_RETRIES_LOST, "N", 0,
     "run it again, up to N times, if a worker died under "
     "it (default: 0, most: 2)",
     0},
    {0},
};

static error_t on_time_limit(struct submission *s, const char *arg) {
    if (duration_parse(arg, &s->options.time_limit_ms) == 0)
        return 0;
    return ctl_misuse(s->ctl,
                      "write a duration with its units, up to 292 years: 500ms, 90s, 5m, 1h30m",
                      "--time-limit cannot be \"%.64s\"", arg);
}

static error_t on_retries_lost(struct submission *s, const char *arg) {
    uint64_t n;
    int r = number_parse_count(s->ctl, "--retries-lost", arg, LOST_MAX, &n);
    if (!r)
        s->options.max_lost = (uint32_t)n;
    return r;
}

static error_t on_option(int key, char *arg, struct argp_state *state) {
    switch (key) {
    case KEY_TIME_LIMIT:
        return on_time_limit(state->input, arg);
    case KEY_RETRIES_LOST:
        return on_retries_lost(state->input, arg);
    default:
        return ARGP_ERR_UNKNOWN;
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
                    "\vJSON: an array holds the arguments, any other value is the one argument, "
                    "none is none; - reads it from standard input. Bytes are "
                    "{\"$bin\": \"base 64\"}, integers above 2^63 - 1 {\"$u64\": \"digits\"}."},
    .n_least = 1,
    .n_most = 2,
    .is_operand = number_is,
};

// ---- The arguments ----

static int check_json(const struct ctl *ctl, const json_t *v, const json_error_t *e) {
    if (v)
        return 0;
    return ctl_misuse(ctl, "text is written with its quotes: jobctl submit TASK '\"text\"'",
                      "the arguments are not JSON: line %d, column %d: %s", e->line, e->column,
                      e->text);
}

// text NULL = no arguments, "-" = standard input.
static int load(const struct ctl *ctl, const char *text, json_t **ret) {
    const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL; // see build()
    json_error_t error = {.line = 0};
    json_t *v;
    if (!text)
        v = json_array();
    else if (strcmp(text, "-") == 0)
        v = json_loadf(stdin, flags, &error);
    else
        v = json_loads(text, flags, &error);
    int r = check_json(ctl, v, &error);
    if (!r)
        *ret = v;
    return r;
}

// 0 | an exit code after printing why.
static int build(const struct ctl *ctl, const json_t *v, jobd_args *a, jobd_bytes *ret) {
    int r = a ? 0 : JOBD_E_NOMEM;
    if (!r && !json_is_array(v))
        r = jobd_args_array(a, 1);
    if (!r)
        r = ctl_json_build(v, a);
    if (!r)
        r = jobd_args_finish(a, ret);
    if (r == JOBD_E_INVAL)
        return ctl_exit_of(ctl_misuse(ctl,
                                      "a \"$bin\" is base 64, a \"$u64\" digits up to 2^64 - 1, "
                                      "and no text holds \\u0000",
                                      "the arguments hold what cannot be sent"));
    if (r == JOBD_E_LIMIT)
        return ctl_exit_of(ctl_misuse(ctl, NULL, "the arguments are nested deeper than 32"));
    return r ? ctl_fail_call(ctl, r, "make a message of the arguments") : CTL_DONE;
}

// ---- The outcome ----

// A bare number that JSON has no word for.
static bool is_odd_number(jobd_bytes value, double *ret) {
    jobd_reader r = jobd_reader_of(value);
    return jobd_read_type(&r) == JOBD_T_FLOAT && jobd_read_f64(&r, ret) == 0 && (*ret - *ret) != 0;
}

static int print_result(const struct submission *s, jobd_future *f, jobd_bytes bytes) {
    struct ctl *ctl = s->ctl;
    double odd;
    bool is_odd = is_odd_number(bytes, &odd);
    json_t *value;
    int r = ctl_json_of(bytes, &value);
    if (r)
        return ctl_fail_call(ctl, r, "read the result");
    if (ctl->json) {
        jobd_job_info info = {.struct_size = sizeof(info)};
        jobd_future_info(f, &info);
        json_t *o = json_pack("{s:s, s:o, s:I, s:I, s:f}", "state", jobd_job_state_name(info.state),
                              "value", value, "job", (json_int_t)info.job_id, "pid",
                              (json_int_t)info.worker_pid, "seconds", (double)info.run_ns / 1e9);
        if (o && is_odd)
            ctl_json_set_double(o, odd);
        return ctl_print_json(ctl, o);
    }
    char text[CTL_DOUBLE_MAX];
    if (is_odd) {
        ctl_double_text(odd, text);
        fputs(text, stdout);
    } else
        ctl_json_write(stdout, value);
    putchar('\n');
    json_decref(value);
    return CTL_DONE;
}

static int await_outcome(const struct submission *s, jobd_future *f) {
    jobd_bytes value;
    if (ctl_await(s->ctl, f))
        return ctl_fail_stopped(s->ctl, "the job is cancelled, or stopped if it runs");
    if (jobd_future_result(f, 0, &value) < 0)
        return ctl_fail_job(s->ctl, f, "job", NULL);
    return print_result(s, f, value);
}

static int submit(const struct submission *s, jobd_bytes args) {
    jobd_executor *ex;
    jobd_future *f;
    int r = jobd_executor_open(s->ctl->conn, NULL, &ex);
    if (r)
        return ctl_fail_call(s->ctl, r, "open an executor");
    r = jobd_submit(ex, s->task, args, &s->options, &f);
    if (!r) {
        jobd_future_on_note(f, ctl_on_note, s->ctl);
        r = await_outcome(s, f);
        jobd_future_unref(f);
    } else if (r == JOBD_E_INVAL)
        r = ctl_exit_of(ctl_misuse(s->ctl, "\"jobctl tasks\" lists the tasks there are",
                                   "\"%.64s\" cannot be the name of a task", s->task));
    else
        r = ctl_fail_call(s->ctl, r, "submit the job");
    jobd_executor_free(ex);
    return r;
}

int cmd_submit(struct ctl *ctl, char **argv) {
    struct submission s = {.ctl = ctl, .options = {JOBD_OPTIONS(jobd_submit_options)}};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &s, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    s.task = args.operands[0];
    json_t *v = NULL;
    jobd_args *a = jobd_args_new();
    jobd_bytes bytes = {.len = 0};
    r = ctl_exit_of(load(ctl, args.operands[1], &v)); // NULL after the last operand
    if (!r)
        r = build(ctl, v, a, &bytes);
    if (!r)
        r = ctl_connect(ctl);
    if (!r)
        r = ctl_watch_signals(ctl);
    if (!r)
        r = submit(&s, bytes);
    jobd_args_free(a);
    json_decref(v);
    args_free(&args);
    return r;
}
