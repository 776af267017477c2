// jobctl kill: stops jobs by their ids, also those that run.
#include <inttypes.h>
#include <string.h>

#include "ctl.h"
#include "ids.h"
#include "signals.h"

enum { KEY_GRACE = 'g', KEY_FORCE = 'f', KEY_SIGNAL = 's' };

struct killing {
    struct ctl *ctl;
    int64_t grace_ms;
    bool force;
    int signal; // 0 = stop the job
};

static const struct argp_option options[] = {
    {"grace", KEY_GRACE, "DURATION", 0,
     "between asking the task, SIGTERM and SIGKILL; 0 kills at once (default: 1s)", 0},
    {"force", KEY_FORCE, NULL, 0,
     "kill a worker that runs other jobs, too: they are lost or run again by their own rules", 0},
    {"signal", KEY_SIGNAL, "SIGNAL", 0,
     "only send this signal, to a process of jobctl run: TERM, HUP, USR1, 10", 0},
    {0},
};

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct killing *k = state->input;
    switch (key) {
    case KEY_GRACE:
        return ctl_parse_duration(k->ctl, "--grace", arg, true, &k->grace_ms);
    case KEY_FORCE:
        k->force = true;
        return 0;
    case KEY_SIGNAL:
        if (signals_parse(arg, &k->signal) == 0)
            return 0;
        return ctl_misuse(k->ctl, "name it as kill does: TERM, HUP, USR1, or by its number",
                          "there is no signal \"%.64s\"", arg);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .args_doc = "ID...",
             .doc = "Stop jobs, also those that run: each is asked to stop, then its worker gets "
                    "SIGTERM, then its whole process tree is killed.\n\n"
                    "  jobctl kill 12\n"
                    "  jobctl kill 3-9 --grace 10s\n"
                    "  jobctl kill 12 --grace 0 --force\n"
                    "  jobctl kill 12 --signal HUP\n"},
    .n_least = 1,
    .n_most = CTL_MANY,
};

// did = what was done to it, and `how` in more words; NULL = there was no such job.
static int show(const struct killing *k, uint64_t id, const char *did, const char *how) {
    if (k->ctl->json)
        return ctl_print_json(k->ctl, json_pack("{s:I, s:s?}", "job", (json_int_t)id, did, how));
    if (!how)
        printf("job %" PRIu64 " has ended, or is none\n", id);
    else if (k->signal)
        printf("job %" PRIu64 " was sent %s\n", id, how);
    else
        printf("job %" PRIu64 " was %s and is stopped\n", id, how);
    return CTL_DONE;
}

static int explain_signal(const struct killing *k, uint64_t id, int err) {
    char what[64];
    snprintf(what, sizeof(what), "send a signal to job %" PRIu64, id);
    if (err != JOBD_E_NOTSUP && err != JOBD_E_STATE)
        return ctl_fail_call(k->ctl, err, what);
    jobd_error why = {.code = err};
    snprintf(why.message, sizeof(why.message), "cannot %s: %s", what,
             err == JOBD_E_STATE ? "it does not run" : "it runs in a pool, where others run, too");
    return ctl_fail(k->ctl, &why, err == JOBD_E_NOTSUP ? "stop it: leave out --signal" : NULL);
}

// 0 | an exit code after printing why; *ret_found = there was a job to send it to.
static int send_signal(const struct killing *k, uint64_t id, bool *ret_found) {
    char name[24];
    const char *abbreviation = sigabbrev_np(k->signal);
    if (abbreviation)
        snprintf(name, sizeof(name), "SIG%s", abbreviation);
    else
        snprintf(name, sizeof(name), "signal %d", k->signal);
    int r = jobd_job_signal(k->ctl->conn, id, k->signal, CTL_ANSWER_MS);
    *ret_found = r == 0;
    if (r && r != JOBD_E_NOENT)
        return explain_signal(k, id, r);
    return show(k, id, "sent", r == 0 ? name : NULL);
}

static int stop(const struct killing *k, uint64_t id, bool *ret_found) {
    int n = jobd_job_abort(k->ctl->conn, id, k->grace_ms, k->force, CTL_ANSWER_MS);
    *ret_found = n > 0;
    if (n < 0)
        return ctl_fail_call(k->ctl, n, "stop a job");
    return show(k, id, "was", n > 0 ? jobd_job_state_name(n) : NULL);
}

static int kill_all(const struct killing *k, const struct ids *ids) {
    bool all = true, found;
    for (size_t i = 0; i < ids->n; i++) {
        int r = k->signal ? send_signal(k, ids->at[i], &found) : stop(k, ids->at[i], &found);
        if (r)
            return r;
        all &= found;
    }
    return all ? CTL_DONE : CTL_NOT_THERE;
}

int cmd_kill(struct ctl *ctl, char **argv) {
    struct killing k = {.ctl = ctl, .grace_ms = JOBD_GRACE_MS};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &k, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    struct ids ids;
    r = ids_read(ctl, args.operands, &ids);
    if (!r)
        r = ctl_connect(ctl);
    if (!r)
        r = kill_all(&k, &ids);
    ids_free(&ids);
    args_free(&args);
    return r;
}
