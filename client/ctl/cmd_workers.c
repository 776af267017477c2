// jobctl workers: one line for each worker process.
#include "ctl.h"

static const struct ctl_syntax syntax = {
    .argp = {.doc = "List the workers: their processes, what they run, how far it is.\n\n"
                    "  jobctl workers\n"
                    "  jobctl workers --json | jq '.workers[].pid'\n"},
};

static const char *const first[] = {
    "worker", "pool",      "pid",      "state",     "slots_used", "job",
    "task",   "running_s", "progress", "jobs_done", "deaths",     NULL,
};

int cmd_workers(struct ctl *ctl, char **argv) {
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, NULL, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    args_free(&args);
    json_t *rows;
    r = ctl_connect(ctl);
    if (!r)
        r = ctl_listing(ctl, jobd_daemon_workers, "workers", &rows);
    return r ? r : ctl_print_listing(ctl, "workers", rows, first);
}
