#include "job_options.h"

#include <string.h>

#include "number.h"

enum { TEXT_MAX = 128, PRIORITY_MAX = 127, RETRIES_MAX = 255, LOST_MAX = 2 };

int job_options_text(const struct ctl *ctl, const char *option, const char *text,
                     const char **ret) {
    size_t n = strlen(text);
    if (n == 0 || n > TEXT_MAX)
        return ctl_misuse(ctl, "it has 1 to 128 bytes", "%s cannot be a text of %zu bytes", option,
                          n);
    *ret = text;
    return 0;
}

static int parse_count(const struct ctl *ctl, const char *option, const char *text, unsigned most,
                       uint32_t *ret) {
    uint64_t n;
    int r = number_parse_count(ctl, option, text, most, &n);
    if (!r)
        *ret = (uint32_t)n;
    return r;
}

static int parse_priority(const struct ctl *ctl, const char *text, int32_t *ret) {
    double x;
    int r = number_parse(ctl, "--priority", text, &x);
    if (r)
        return r;
    if (x < -PRIORITY_MAX || x > PRIORITY_MAX || x != (double)(int)x)
        return ctl_misuse(ctl, "a whole number from -127 to 127 is needed",
                          "--priority cannot be \"%.64s\"", text);
    *ret = (int32_t)x;
    return 0;
}

error_t job_options_parse(const struct ctl *ctl, struct job_options *o, int key, char *arg) {
    jobd_submit_options *s = &o->submit;
    switch (key) {
    case JOB_KEY_POOL:
        return job_options_text(ctl, "--pool", arg, &o->pool);
    case JOB_KEY_PRIORITY:
        return parse_priority(ctl, arg, &s->priority);
    case JOB_KEY_LABEL:
        return job_options_text(ctl, "--label", arg, &s->label);
    case JOB_KEY_DELAY:
        return ctl_parse_duration(ctl, "--delay", arg, true, &s->delay_ms);
    case JOB_KEY_DEADLINE:
        return ctl_parse_duration(ctl, "--deadline", arg, false, &s->deadline_ms);
    case JOB_KEY_TIME_LIMIT:
        return ctl_parse_duration(ctl, "--time-limit", arg, false, &s->time_limit_ms);
    case JOB_KEY_RETRIES:
        return parse_count(ctl, "--retries", arg, RETRIES_MAX, &s->max_retries);
    case JOB_KEY_RETRY_DELAY:
        return ctl_parse_duration(ctl, "--retry-delay", arg, false, &s->retry_delay_ms);
    case JOB_KEY_RETRIES_LOST:
        return parse_count(ctl, "--retries-lost", arg, LOST_MAX, &s->max_lost);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int job_options_open(const struct ctl *ctl, const char *pool, jobd_executor **ret) {
    const jobd_executor_options options = {JOBD_OPTIONS(jobd_executor_options), .pool = pool};
    int r = jobd_executor_open(ctl->conn, &options, ret);
    if (r == JOBD_E_INVAL)
        return ctl_exit_of(ctl_misuse(ctl, "\"jobctl pool list\" lists the pools there are",
                                      "\"%.64s\" cannot be the name of a pool", pool));
    return r ? ctl_fail_call(ctl, r, "open an executor") : CTL_DONE;
}

int job_options_explain(const struct ctl *ctl, int err, const char *task) {
    if (err == JOBD_E_INVAL)
        return ctl_exit_of(ctl_misuse(ctl, "\"jobctl tasks\" lists the tasks there are",
                                      "\"%.64s\" cannot be the name of a task", task));
    return ctl_fail_call(ctl, err, "submit the job");
}
