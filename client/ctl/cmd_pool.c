// jobctl pool: its commands, but for create, which has a file of its own.
#include "cmd_pool.h"

#include "listing.h"
#include "number.h"

static const struct ctl_command commands[] = {
#define X(name, summary) {#name, pool_##name},
    POOL_COMMAND_MAP(X)
#undef X
};

static const struct argp_option command_docs[] = {
#define X(name, summary) {#name, 0, NULL, OPTION_DOC | OPTION_NO_USAGE, summary, 0},
    POOL_COMMAND_MAP(X)
#undef X
        {0},
};

static const struct argp pool_argp = {
    .options = command_docs,
    .args_doc = "[COMMAND [ARG...]]",
    .doc = "List, create and change the pools of workers. Every program of the machine sees the "
           "same pools; \"default\" and \"threads\" are always there.\n\n"
           "  jobctl pool                       list them\n"
           "  jobctl pool create night -w 2     two workers for jobs that may wait\n"
           "  jobctl pool COMMAND --help        all about one command\n",
};

int cmd_pool(struct ctl *ctl, char **argv) {
    struct args args;
    int r = ctl_parse_main(ctl, &pool_argp, argv, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    char name[] = "jobctl pool list";
    if (args.n_operands > 0)
        r = ctl_run_command(ctl, "jobctl pool", commands, JD_LEN(commands), args.operands);
    else
        r = pool_list(ctl, (char *[]){name, NULL});
    args_free(&args);
    return r;
}

int pool_report(struct ctl *ctl, int err, const char *pool, const char *done) {
    jobd_error why = {.code = err};
    switch (err) {
    case 0:
        if (ctl->json)
            return ctl_print_json(ctl, json_pack("{s:s, s:s}", "pool", pool, "is", done));
        printf("pool %s is %s\n", pool, done);
        return CTL_DONE;
    case JOBD_E_NOENT:
        snprintf(why.message, sizeof(why.message), "there is no pool \"%.128s\"", pool);
        return ctl_fail(ctl, &why, "\"jobctl pool list\" lists the pools there are");
    case JOBD_E_EXIST:
        snprintf(why.message, sizeof(why.message), "there is a pool \"%.128s\" already", pool);
        return ctl_fail(ctl, &why, "\"jobctl pool resize\" changes the number of its workers");
    case JOBD_E_PERM:
        snprintf(why.message, sizeof(why.message), "the pool \"%.128s\" stays", pool);
        return ctl_fail(ctl, &why, "\"jobctl pool pause\" keeps it from starting jobs");
    case JOBD_E_INVAL:
        return ctl_exit_of(ctl_misuse(ctl,
                                      "a name is 1 to 63 bytes of [A-Za-z0-9._:/-], a pool has 1 "
                                      "worker at least",
                                      "the pool \"%.128s\" cannot be %s", pool, done));
    case JOBD_E_TIMEOUT:
        return ctl->late
                   ? ctl_fail_stopped(ctl, "the pool takes no more jobs, but is not empty yet")
                   : ctl_fail_call(ctl, err, "change the pool");
    default:
        return ctl_fail_call(ctl, err, "change the pool");
    }
}

int pool_list(struct ctl *ctl, char **argv) {
    static const struct ctl_syntax syntax = {
        .argp = {.doc = "List the pools: their workers, what waits and what runs.\n\n"
                        "  jobctl pool list\n"
                        "  jobctl pool list --json | jq '.pools[] | select(.queued > 0)'\n"},
    };
    static const char *const first[] = {"pool",         "state",
                                        "workers",      "threads",
                                        "ready",        "starting",
                                        "busy",         "lent",
                                        "queued",       "running",
                                        "jobs_done",    "initializer",
                                        "recycle_jobs", "recycle_rss_bytes",
                                        "max_lent",     "failed_starts",
                                        "last_failure", NULL};
    static const char *const spare[] = {"starting",
                                        "lent",
                                        "initializer",
                                        "recycle_jobs",
                                        "recycle_rss_bytes",
                                        "max_lent",
                                        "failed_starts",
                                        "last_failure",
                                        NULL};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, NULL, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    args_free(&args);
    r = ctl_connect(ctl);
    return r ? r : listing_show(ctl, &(struct listing){"pools", jobd_daemon_pools, first, spare});
}

// ---- Changes: each has the pool as its first operand ----

struct change {
    struct ctl *ctl;
    const char *pool;
    uint32_t workers;
    bool now;
    int64_t timeout_ms;
};

// call returns 0 | JOBD_E_*; done = what the pool is then.
static int change(const struct ctl_syntax *syntax, char **argv, struct change *c,
                  int (*call)(const struct change *c), const char *done) {
    struct args args;
    int r = ctl_parse(c->ctl, syntax, argv, c, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    c->pool = args.operands[0];
    uint64_t n = 0;
    if (args.n_operands > 1)
        r = ctl_exit_of(number_parse_count(c->ctl, "WORKERS", args.operands[1], WORKERS_MAX, &n));
    c->workers = (uint32_t)n;
    if (!r)
        r = ctl_connect(c->ctl);
    if (!r)
        r = pool_report(c->ctl, call(c), c->pool, done);
    args_free(&args);
    return r;
}

static int resize(const struct change *c) {
    return jobd_pool_resize(c->ctl->conn, c->pool, c->workers, CTL_ANSWER_MS);
}

int pool_resize(struct ctl *ctl, char **argv) {
    static const struct ctl_syntax syntax = {
        .argp = {.args_doc = "NAME WORKERS",
                 .doc = "Change how many workers a pool has. Nothing that runs or waits is lost: a "
                        "worker too many ends when its job has.\n\n"
                        "  jobctl pool resize default 8\n"},
        .n_least = 2,
        .n_most = 2,
    };
    return change(&syntax, argv, &(struct change){.ctl = ctl}, resize, "resized");
}

static int do_pause(const struct change *c) {
    return jobd_pool_pause(c->ctl->conn, c->pool, true, CTL_ANSWER_MS);
}

int pool_pause(struct ctl *ctl, char **argv) {
    static const struct ctl_syntax syntax = {
        .argp = {.args_doc = "NAME",
                 .doc = "Pause a pool: what runs goes on, nothing else is started. It still takes "
                        "jobs.\n\n"
                        "  jobctl pool pause night\n"},
        .n_least = 1,
        .n_most = 1,
    };
    return change(&syntax, argv, &(struct change){.ctl = ctl}, do_pause, "paused");
}

static int resume(const struct change *c) {
    return jobd_pool_pause(c->ctl->conn, c->pool, false, CTL_ANSWER_MS);
}

int pool_resume(struct ctl *ctl, char **argv) {
    static const struct ctl_syntax syntax = {
        .argp = {.args_doc = "NAME",
                 .doc = "Let a pool go on that was paused or drained.\n\n"
                        "  jobctl pool resume night\n"},
        .n_least = 1,
        .n_most = 1,
    };
    return change(&syntax, argv, &(struct change){.ctl = ctl}, resume, "running");
}

// ---- Drain and delete have an option ----

enum { KEY_TIMEOUT = 't', KEY_NOW = 0x200 };

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct change *c = state->input;
    switch (key) {
    case KEY_TIMEOUT:
        return ctl_parse_duration(c->ctl, "--timeout", arg, false, &c->timeout_ms);
    case KEY_NOW:
        c->now = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int drain(const struct change *c) {
    int r = jobd_pool_drain(c->ctl->conn, c->pool, c->timeout_ms);
    c->ctl->late = r == JOBD_E_TIMEOUT;
    return r;
}

int pool_drain(struct ctl *ctl, char **argv) {
    static const struct argp_option options[] = {
        {"timeout", KEY_TIMEOUT, "DURATION", 0,
         "wait no longer than that; the pool goes on draining (default: until it is empty)", 0},
        {0},
    };
    static const struct ctl_syntax syntax = {
        .argp = {.options = options,
                 .parser = on_option,
                 .args_doc = "NAME",
                 .doc = "Let a pool take no more jobs, and wait until those it has have ended; "
                        "\"jobctl pool resume\" opens it again.\n\n"
                        "  jobctl pool drain night --timeout 1h\n"},
        .n_least = 1,
        .n_most = 1,
    };
    return change(&syntax, argv, &(struct change){.ctl = ctl, .timeout_ms = JOBD_FOREVER}, drain,
                  "empty");
}

static int delete (const struct change *c) {
    return jobd_pool_delete(c->ctl->conn, c->pool, c->now, CTL_ANSWER_MS);
}

int pool_delete(struct ctl *ctl, char **argv) {
    static const struct argp_option options[] = {
        {"now", KEY_NOW, NULL, 0, "stop what runs, too", 0},
        {0},
    };
    static const struct ctl_syntax syntax = {
        .argp = {.options = options,
                 .parser = on_option,
                 .args_doc = "NAME",
                 .doc = "Delete a pool: what waits is cancelled, what runs may end.\n\n"
                        "  jobctl pool delete night\n"
                        "  jobctl pool delete night --now\n"},
        .n_least = 1,
        .n_most = 1,
    };
    return change(&syntax, argv, &(struct change){.ctl = ctl}, delete, "deleted");
}
