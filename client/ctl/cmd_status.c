// jobctl status: what the daemon says of itself; what this jobctl does not know is shown, too.
#include "ctl.h"
#include "print.h"

static const struct ctl_syntax syntax = {
    .argp = {.doc = "Show the state of the daemon: its workers, and how many jobs wait and run.\n\n"
                    "  jobctl status\n"
                    "  jobctl status --json | jq .jobs_queued\n"},
};

static const char *const first[] = {
    "state",     "pid",         "version",       "uptime_s",       "socket",
    "pool",      "workers",     "workers_ready", "workers_broken", "degraded",
    "clients",   "jobs_queued", "jobs_running",  "queued_bytes",   "submitted",
    "refused",   "done",        "failed",        "cancelled",      "killed",
    "timed_out", "lost",        "retried",       "worker_deaths",  NULL,
};

int cmd_status(struct ctl *ctl, char **argv) {
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, NULL, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    args_free(&args);
    json_t *status;
    r = ctl_connect(ctl);
    if (!r)
        r = ctl_status(ctl, &status);
    if (r)
        return r;
    if (ctl->json)
        return ctl_print_json(ctl, status);
    r = ctl_print_map(stdout, status, first);
    json_decref(status);
    return r ? ctl_fail_call(ctl, r, "print the state") : CTL_DONE;
}
