// jobctl pool create: a pool with all that can be said of it.
#include "arguments.h"
#include "cmd_pool.h"
#include "number.h"
#include "size.h"

enum {
    KEY_WORKERS = 'w',
    KEY_THREADS = 't',
    KEY_INIT = 'i',
    KEY_INIT_ARGS = 0x200,
    KEY_MAX_JOBS,
    KEY_MAX_RSS,
    KEY_MAX_LENT,
};

struct creation {
    struct ctl *ctl;
    jobd_pool_options options;
    const char *init_args; // JSON; NULL = none
};

static const struct argp_option options[] = {
    {"workers", KEY_WORKERS, "N", 0, "worker processes (default: one for each CPU)", 0},
    {"threads", KEY_THREADS, "M", 0, "threads of each (default: 1)", 0},
    {"init", KEY_INIT, "TASK", 0, "a task that every worker runs before its first job", 0},
    {"init-args", KEY_INIT_ARGS, "JSON", 0, "the arguments of that task", 0},
    {"max-jobs", KEY_MAX_JOBS, "N", 0, "replace a worker after so many jobs (default: never)", 0},
    {"max-rss", KEY_MAX_RSS, "SIZE", 0, "or when it holds more memory: 512M, 2GiB (default: never)",
     0},
    {"max-lent", KEY_MAX_LENT, "N", 0,
     "slots that tasks may lend at once while they wait for jobs of their own (default: as many as "
     "its workers have threads)",
     0},
    {0},
};

static int parse_u32(const struct creation *c, const char *name, const char *text, unsigned most,
                     uint32_t *ret) {
    uint64_t n;
    int r = number_parse_count(c->ctl, name, text, most, &n);
    if (!r && n == 0)
        r = ctl_misuse(c->ctl, "leave it out for the default", "%s cannot be 0", name);
    if (!r)
        *ret = (uint32_t)n;
    return r;
}

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct creation *c = state->input;
    switch (key) {
    case KEY_WORKERS:
        return parse_u32(c, "--workers", arg, WORKERS_MAX, &c->options.workers);
    case KEY_THREADS:
        return parse_u32(c, "--threads", arg, THREADS_MAX, &c->options.threads);
    case KEY_INIT:
        c->options.initializer = arg;
        return 0;
    case KEY_INIT_ARGS:
        c->init_args = arg;
        return 0;
    case KEY_MAX_JOBS:
        return number_parse_count(c->ctl, "--max-jobs", arg, UINT64_C(1) << 53,
                                  &c->options.recycle_jobs);
    case KEY_MAX_RSS:
        if (size_parse(arg, &c->options.recycle_rss_bytes) == 0)
            return 0;
        return ctl_misuse(c->ctl, "write a size with its unit: 512M, 2GiB",
                          "--max-rss cannot be \"%.64s\"", arg);
    case KEY_MAX_LENT:
        return parse_u32(c, "--max-lent", arg, WORKERS_MAX, &c->options.max_lent);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .args_doc = "NAME",
             .doc = "Create a pool, for every program of the machine.\n\n"
                    "  jobctl pool create night -w 2\n"
                    "  jobctl pool create gui -w 1 -t 8\n"
                    "  jobctl pool create model --init model.load --init-args '[\"a.bin\"]'\n"
                    "  jobctl pool create leaky -w 4 --max-jobs 1000 --max-rss 2GiB\n"
                    "\v" ARGUMENTS_DOC},
    .n_least = 1,
    .n_most = 1,
};

static int create(struct creation *c, const char *pool) {
    int r = jobd_pool_create(c->ctl->conn, pool, &c->options, CTL_ANSWER_MS);
    if (r != JOBD_E_NOTASK)
        return pool_report(c->ctl, r, pool, "created");
    jobd_error why = {.code = r};
    snprintf(why.message, sizeof(why.message), "there is no task \"%.64s\" to begin with",
             c->options.initializer ? c->options.initializer : "");
    return ctl_fail(c->ctl, &why, NULL);
}

int pool_create(struct ctl *ctl, char **argv) {
    struct creation c = {.ctl = ctl, .options = {JOBD_OPTIONS(jobd_pool_options)}};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &c, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    struct arguments arguments = {.builder = NULL};
    if (c.init_args && !c.options.initializer)
        r = ctl_exit_of(ctl_misuse(ctl, "name it with --init TASK",
                                   "--init-args are for a task that is not named"));
    if (!r && c.init_args)
        r = arguments_read(ctl, c.init_args, &arguments);
    c.options.init_args = arguments.bytes;
    if (!r)
        r = ctl_connect(ctl);
    if (!r)
        r = create(&c, args.operands[0]);
    arguments_free(&arguments);
    args_free(&args);
    return r;
}
