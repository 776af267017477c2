// jobctl tasks: one line for each task that can be submitted.
#include "ctl.h"

static const struct ctl_syntax syntax = {
    .argp = {.doc = "List the tasks that can be submitted, with what they take and return.\n\n"
                    "  jobctl tasks\n"
                    "  jobctl tasks --json | jq -r '.tasks[].task'\n"},
};

static const char *const first[] = {
    "task", "runs", "avg_us", "idempotent", "cancellable", "summary", NULL,
};

int cmd_tasks(struct ctl *ctl, char **argv) {
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, NULL, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    args_free(&args);
    json_t *rows;
    r = ctl_connect(ctl);
    if (!r)
        r = ctl_listing(ctl, jobd_daemon_tasks, "tasks", &rows);
    return r ? r : ctl_print_listing(ctl, "tasks", rows, first);
}
