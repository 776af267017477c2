// jobctl workers, tasks: one line for each of them.
#include "listing.h"

static int show(struct ctl *ctl, const char *doc, const struct listing *listing, char **argv) {
    const struct ctl_syntax syntax = {.argp = {.doc = doc}};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, NULL, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    args_free(&args);
    r = ctl_connect(ctl);
    return r ? r : listing_show(ctl, listing);
}

int cmd_workers(struct ctl *ctl, char **argv) {
    static const char *const first[] = {
        "worker", "pool",      "pid",      "state",     "slots_used", "job",
        "task",   "running_s", "progress", "jobs_done", "deaths",     NULL,
    };
    return show(ctl,
                "List the workers: their processes, what they run, how far it is.\n\n"
                "  jobctl workers\n"
                "  jobctl workers --json | jq '.workers[].pid'\n",
                &(struct listing){"workers", jobd_daemon_workers, first, NULL}, argv);
}

int cmd_tasks(struct ctl *ctl, char **argv) {
    static const char *const first[] = {
        "task", "runs", "avg_us", "idempotent", "cancellable", "summary", NULL,
    };
    return show(ctl,
                "List the tasks that can be submitted, with what they take and return.\n\n"
                "  jobctl tasks\n"
                "  jobctl tasks --json | jq -r '.tasks[].task'\n",
                &(struct listing){"tasks", jobd_daemon_tasks, first, NULL}, argv);
}
