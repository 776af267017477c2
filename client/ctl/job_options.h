// The options of commands that submit jobs: where to, when, and how often.
#ifndef CTL_JOB_OPTIONS_H
#define CTL_JOB_OPTIONS_H

#include "ctl.h"

enum {
    JOB_KEY_POOL = 'p',
    JOB_KEY_PRIORITY = 'n',
    JOB_KEY_LABEL = 'l',
    JOB_KEY_DELAY = 0x300,
    JOB_KEY_DEADLINE,
    JOB_KEY_TIME_LIMIT,
    JOB_KEY_RETRIES,
    JOB_KEY_RETRY_DELAY,
    JOB_KEY_RETRIES_LOST,
};

// Rows for a command's own table of options.
#define JOB_OPTIONS_TIME_LIMIT                                                                     \
    {                                                                                              \
        "time-limit", JOB_KEY_TIME_LIMIT, "DURATION", 0,                                           \
            "stop the job when it has run that long: 500ms, 90s, 5m, 1h30m (default: none)", 0     \
    }
#define JOB_OPTIONS_LABEL                                                                          \
    { "label", JOB_KEY_LABEL, "TEXT", 0, "shown by jobctl list, which can select by it", 0 }
// clang-format off
#define JOB_OPTIONS                                                                                \
    {"pool", JOB_KEY_POOL, "POOL", 0, "the pool to run in (default: default)", 0},                 \
    {"priority", JOB_KEY_PRIORITY, "N", 0,                                                         \
     "-127 to 127: smaller runs first (default: 0)", 0},                                           \
    JOB_OPTIONS_LABEL,                                                                             \
    {"delay", JOB_KEY_DELAY, "DURATION", 0, "begin no earlier than that (default: at once)", 0},   \
    JOB_OPTIONS_TIME_LIMIT,                                                                        \
    {"deadline", JOB_KEY_DEADLINE, "DURATION", 0,                                                  \
     "give up if it is not done after that, waiting and retries included (default: never)", 0},    \
    {"retries", JOB_KEY_RETRIES, "N", 0,                                                           \
     "run it again, up to N times, if its task fails (default: 0, most: 255)", 0},                 \
    {"retry-delay", JOB_KEY_RETRY_DELAY, "DURATION", 0,                                            \
     "before the first of these; doubled for each further one (default: 100ms)", 0},               \
    {"retries-lost", JOB_KEY_RETRIES_LOST, "N", 0,                                                 \
     "run it again, up to N times, if a worker died under it (default: 0, most: 2)", 0}
// clang-format on

struct job_options {
    const char *pool; // NULL = the default
    jobd_submit_options submit;
};

// One option of the tables above. 0 | ARGP_ERR_UNKNOWN | JOBD_E_INVAL after showing what is wrong.
error_t job_options_parse(const struct ctl *ctl, struct job_options *o, int key, char *arg);
// Text that the daemon keeps, a label or a key. 0 | JOBD_E_INVAL after showing what is wrong.
int job_options_text(const struct ctl *ctl, const char *option, const char *text, const char **ret);
// 0 | an exit code after printing why.
int job_options_open(const struct ctl *ctl, const char *pool, jobd_executor **ret);
// jobd_submit() and its like could not take a job of this task. Returns an exit code.
int job_options_explain(const struct ctl *ctl, int err, const char *task);

#endif
