// jobctl watch: what happens in the daemon, one JSON object on a line for each event.
#include "ctl.h"
#include "json.h"

static const struct ctl_syntax syntax = {
    .argp = {.doc = "Show what happens in the daemon, as it happens: one JSON object on a line for "
                    "each event, until Ctrl-C.\n\n"
                    "  jobctl watch\n"
                    "  jobctl watch | jq -r 'select(.what == \"worker.died\") | .text'\n"
                    "\vThe first line, \"watch.begun\", says that nothing is missed from then on. "
                    "\"missed\" counts events that were left out because this end read too "
                    "slowly."},
};

static void set_text(json_t *event, const char *name, const char *text) {
    if (!text || !*text)
        return;
    json_t *v = json_string(text);
    json_object_set_new(event, name, v ? v : json_string("?")); // no UTF-8
}

static void set_number(json_t *event, const char *name, uint64_t number) {
    if (number)
        json_object_set_new(event, name, json_integer((json_int_t)number));
}

static void on_happening(const jobd_happening *h, void *arg) {
    (void)arg;
    json_t *event = json_pack("{s:i, s:f}", "v", 1, "now_s", (double)h->now_ns / 1e9);
    if (!event)
        return;
    set_text(event, "what", h->what);
    set_number(event, "job", h->job_id);
    set_text(event, "task", h->task);
    set_text(event, "pool", h->pool);
    if (h->state)
        set_text(event, "state", jobd_job_state_name(h->state));
    set_number(event, "pid", (uint64_t)h->pid);
    set_text(event, "text", h->text);
    set_number(event, "missed", h->missed);
    ctl_json_write(stdout, event);
    putchar('\n');
    json_decref(event);
}

static int watch(struct ctl *ctl) {
    int64_t rtt_ns;
    int r = jobd_watch(ctl->conn, on_happening, NULL);
    if (!r) // its answer comes after the wish has been heard
        r = jobd_conn_ping(ctl->conn, CTL_ANSWER_MS, &rtt_ns);
    if (r)
        return ctl_fail_call(ctl, r, "watch the daemon");
    r = ctl_print_json(ctl, json_pack("{s:s, s:I}", "what", "watch.begun", "pid",
                                      (json_int_t)jobd_conn_daemon_pid(ctl->conn)));
    while (!r)
        r = ctl_turn(ctl);
    if (r > 0)
        return ctl->output_errno ? CTL_BROKEN : CTL_SIGNALLED + ctl->signal; // the usual end
    return ctl_fail_call(ctl, r, "watch the daemon any longer");
}

int cmd_watch(struct ctl *ctl, char **argv) {
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, NULL, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    args_free(&args);
    r = ctl_connect(ctl);
    if (!r)
        r = ctl_watch_signals(ctl);
    return r ? r : watch(ctl);
}
