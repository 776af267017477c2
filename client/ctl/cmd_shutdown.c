// jobctl shutdown: asks, and waits until the daemon is gone: the connection lives as long as it
// does.
#include <inttypes.h>

#include "ctl.h"
#include "json.h"

struct stop {
    bool now;
};

enum { KEY_NOW = 0x200 };

static const struct argp_option options[] = {
    {"now", KEY_NOW, NULL, 0, "kill the jobs that run instead of waiting for them", 0},
    {0},
};

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct stop *stop = state->input;
    (void)arg;
    if (key != KEY_NOW)
        return ARGP_ERR_UNKNOWN;
    stop->now = true;
    return 0;
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .doc = "Stop the daemon and wait until it has ended. New jobs are refused from then "
                    "on; those it has accepted get its drain time to end.\n\n"
                    "  jobctl shutdown\n"
                    "  jobctl shutdown --now\n"},
};

// How many jobs the end waits for. The daemon may be gone before it can say so.
static void say_what_is_left(struct ctl *ctl) {
    jobd_bytes map;
    json_t *status;
    if (jobd_daemon_status(ctl->conn, CTL_ANSWER_MS, &map) || ctl_json_of(map, &status))
        return;
    json_int_t n = json_integer_value(json_object_get(status, "jobs_queued")) +
                   json_integer_value(json_object_get(status, "jobs_running"));
    if (n > 0)
        fprintf(stderr, "waiting for %" JSON_INTEGER_FORMAT " job%s\n", n, n == 1 ? "" : "s");
    json_decref(status);
}

static int wait_for_end(struct ctl *ctl) {
    int64_t pid = jobd_conn_daemon_pid(ctl->conn);
    int r;
    do
        r = ctl_turn(ctl);
    while (r == 0);
    if (r > 0)
        return ctl_fail_stopped(ctl, "the daemon goes on stopping");
    if (ctl->json)
        return ctl_print_json(ctl, json_pack("{s:b, s:I}", "stopped", 1, "pid", (json_int_t)pid));
    printf("jobd (pid %" PRId64 ") has stopped\n", pid);
    return CTL_DONE;
}

int cmd_shutdown(struct ctl *ctl, char **argv) {
    struct stop stop = {.now = false};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &stop, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    args_free(&args);
    r = ctl_connect(ctl);
    if (r)
        return r;
    r = jobd_daemon_shutdown(ctl->conn, stop.now, CTL_ANSWER_MS);
    if (r)
        return ctl_fail_call(ctl, r, "stop the daemon");
    r = ctl_watch_signals(ctl);
    if (r)
        return r;
    if (!stop.now && !ctl->json)
        say_what_is_left(ctl);
    return wait_for_end(ctl);
}
