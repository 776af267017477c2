// Errors: what failed, why, and what to do next; on stderr.
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "ctl.h"
#include "json.h"
#include "mem.h"
#include "print.h"
#include "progress.h"

// All there is to say of a failure; NULL and 0 = there is none.
struct report {
    int exit;
    const jobd_error *why;
    const char *message; // what why->message says, in its context
    const char *hint;    // "" = none either
    const char *state;   // of the job
    uint64_t job;
};

// Text of a task or of the command line, which may be no UTF-8: then each such byte is a '?'.
static json_t *string_of(const char *text) {
    json_t *s = json_string(text);
    char *copy = s ? NULL : jd_strdup(text);
    for (char *p = copy; p && *p; p++)
        *p = (unsigned char)*p < 0x80 ? *p : '?';
    if (copy)
        s = json_string(copy);
    jd_free(copy);
    return s;
}

static void print_json(const struct report *r) {
    json_t *e =
        json_pack("{s:s, s:o, s:o, s:i}", "code", jobd_errname(r->why->code), "name",
                  string_of(r->why->name), "message", string_of(r->message), "exit", r->exit);
    if (r->hint && *r->hint)
        json_object_set_new(e, "hint", string_of(r->hint));
    if (r->state)
        json_object_set_new(e, "state", json_string(r->state));
    if (r->job)
        json_object_set_new(e, "job", json_integer((json_int_t)r->job));
    json_t *object = json_pack("{s:i, s:o}", "v", 1, "error", e);
    if (object)
        ctl_json_write(stderr, object);
    else // memory is out
        fprintf(stderr, "{\"v\":1,\"error\":{\"code\":\"%s\"}}", jobd_errname(r->why->code));
    putc('\n', stderr);
    json_decref(object);
}

static int print_report(const struct ctl *ctl, const struct report *r) {
    fflush(stdout); // what was said before stands before
    progress_clear(ctl->progress);
    if (ctl->json) {
        print_json(r);
        return r->exit;
    }
    fputs("jobctl: ", stderr);
    ctl_print_safe(stderr, r->message);
    putc('\n', stderr);
    if (r->hint && *r->hint)
        fprintf(stderr, "%s\n", r->hint);
    return r->exit;
}

int ctl_exit_of(int err) {
    switch (err) {
    case JOBD_OK:
        return CTL_DONE;
    case JOBD_E_TASK:
    case JOBD_E_NOTASK:
    case JOBD_E_WORKER_DIED:
    case JOBD_E_KILLED:
    case JOBD_E_CANCELLED:
    case JOBD_E_RESULT_TOO_BIG:
    case JOBD_E_EXITED:
    case JOBD_E_EXIST:
    case JOBD_E_STATE:
    case JOBD_E_NOTSUP:
        return CTL_JOB_FAILED;
    case JOBD_E_NOENT:
        return CTL_NOT_THERE;
    case JOBD_E_INVAL:
    case JOBD_E_MSGSIZE:
        return CTL_USAGE;
    case JOBD_E_REFUSED:
    case JOBD_E_TIMEOUT:
        return CTL_NO_DAEMON;
    case JOBD_E_AGAIN:
    case JOBD_E_LIMIT:
    case JOBD_E_FULL:
    case JOBD_E_STOPPING:
        return CTL_TRY_AGAIN;
    case JOBD_E_PERM:
        return CTL_NOT_ALLOWED;
    case JOBD_E_DEADLINE:
        return CTL_TIME_LIMIT;
    default:
        return CTL_BROKEN;
    }
}

int ctl_exit_of_status(int status) {
    return status < 0 ? CTL_SIGNALLED - status : status;
}

// What helps in most cases; NULL = nothing that is known here.
static const char *usual_hint(int err) {
    switch (err) {
    case JOBD_E_TASK:
        return "\"jobctl tasks\" shows what each task takes";
    case JOBD_E_NOTASK:
        return "\"jobctl tasks\" lists the tasks there are";
    case JOBD_E_WORKER_DIED:
        return "if it may run again after a worker's death: jobctl submit --retries-lost 2 ...";
    case JOBD_E_DEADLINE:
        return "allow more with: jobctl submit --time-limit DURATION, or --deadline";
    case JOBD_E_NOENT:
        return "\"jobctl list\" shows the jobs there are, \"jobctl pool list\" the pools";
    case JOBD_E_RESULT_TOO_BIG:
        return "ask for less at a time, or let the task write a file and return its name";
    case JOBD_E_MSGSIZE:
        return "pass less, or write a file and pass its name";
    case JOBD_E_AGAIN:
    case JOBD_E_LIMIT:
    case JOBD_E_FULL:
        return "try again in a moment; \"jobctl status\" shows how busy the daemon is";
    case JOBD_E_STOPPING:
        return "wait until the daemon has stopped, start it again, and repeat";
    case JOBD_E_PERM:
        return "ask whoever runs the daemon for access to its socket";
    case JOBD_E_TIMEOUT:
        return "see the daemon's log for what keeps it busy";
    case JOBD_E_CLOSED:
    case JOBD_E_PROTO:
        return "see the daemon's log for what happened, and repeat";
    case JOBD_E_VERSION:
        return "use the jobctl that belongs to the daemon";
    default:
        return NULL;
    }
}

int ctl_fail(const struct ctl *ctl, const jobd_error *why, const char *hint) {
    return print_report(ctl, &(struct report){
                                 .exit = ctl_exit_of(why->code),
                                 .why = why,
                                 .message = why->message,
                                 .hint = hint ? hint : usual_hint(why->code),
                             });
}

int ctl_fail_call(const struct ctl *ctl, int err, const char *what) {
    jobd_error why = {.code = err};
    // The connection knows more than the call that found it dead.
    bool dead = ctl->conn && err < 0 && jobd_conn_error(ctl->conn, &why) == 1;
    const char *text = dead ? why.message : jobd_strerror(err);
    char message[sizeof(why.message)];
    snprintf(message, sizeof(message), "cannot %s: %.200s", what, text);
    memcpy(why.message, message, sizeof(message));
    return ctl_fail(ctl, &why, NULL);
}

// A job that was lost as often as any may be is not helped by the usual hint.
static const char *hint_of_job(int err, const jobd_job_info *info) {
    enum { RUNS_MAX = 3 }; // the first, and the most that max_lost allows
    if (err == JOBD_E_WORKER_DIED && info->attempt >= RUNS_MAX)
        return "it was run as often as may be; the daemon's log has what its workers wrote last";
    return usual_hint(err);
}

int ctl_fail_job(const struct ctl *ctl, jobd_future *f, const char *what, const char *hint) {
    jobd_error why = {.code = JOBD_E_CANCELLED, .message = "it had not begun"};
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_exception(f, 0, &why); // leaves `why` alone if the job was cancelled
    jobd_future_info(f, &info);
    char message[400];
    if (info.job_id == 0)
        snprintf(message, sizeof(message), "%s not accepted: %s", what, why.message);
    else // "job 7 failed: ...", or "job 7 was running: ..." if the connection broke
        snprintf(message, sizeof(message), "%s %" PRIu64 " %s%s: %s", what, info.job_id,
                 info.state < JOBD_JOB_DONE ? "was " : "", jobd_job_state_name(info.state),
                 why.message);
    return print_report(ctl, &(struct report){
                                 .exit = info.status && why.code != JOBD_E_DEADLINE
                                             ? ctl_exit_of_status(info.status)
                                             : ctl_exit_of(why.code),
                                 .why = &why,
                                 .message = message,
                                 .hint = hint ? hint : hint_of_job(why.code, &info),
                                 .state = info.state ? jobd_job_state_name(info.state) : NULL,
                                 .job = info.job_id,
                             });
}

int ctl_misuse(const struct ctl *ctl, const char *hint, const char *fmt, ...) {
    jobd_error why = {.code = JOBD_E_INVAL};
    va_list args;
    va_start(args, fmt);
    vsnprintf(why.message, sizeof(why.message), fmt, args);
    va_end(args);
    ctl_fail(ctl, &why, hint);
    return JOBD_E_INVAL;
}

int ctl_fail_stopped(const struct ctl *ctl, const char *what) {
    if (ctl->output_errno)
        return CTL_BROKEN; // ctl_finish_output() says why
    jobd_error why = {.code = ctl->late ? JOBD_E_TIMEOUT : JOBD_E_CANCELLED};
    snprintf(why.message, sizeof(why.message), "%s: %.200s",
             ctl->late ? "the time is over" : "interrupted", what);
    return print_report(ctl, &(struct report){
                                 .exit = ctl->late ? CTL_TIME_LIMIT : CTL_SIGNALLED + ctl->signal,
                                 .why = &why,
                                 .message = why.message,
                             });
}

int ctl_finish_output(struct ctl *ctl, int r) {
    errno = 0;
    if ((fflush(stdout) || ferror(stdout)) && !ctl->output_errno)
        ctl->output_errno = errno ? errno : EIO;
    if (!ctl->output_errno)
        return r;
    jobd_error why = {.code = JOBD_E_SYS, .sys_errno = ctl->output_errno};
    snprintf(why.message, sizeof(why.message), "cannot write to standard output: %s",
             strerror(ctl->output_errno));
    return ctl_fail(ctl, &why, NULL);
}
