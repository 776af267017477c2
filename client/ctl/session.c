// Talking to the daemon. Waiting is one loop over the connection and, if a command wants to end in
// good order, over the signals that ask it to.
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "json.h"
#include "print.h"
#include "progress.h"

uint64_t ctl_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int ctl_connect(struct ctl *ctl) {
    if (!ctl->socket) {
        int r = jobd_default_address(ctl->path, sizeof(ctl->path));
        if (r)
            return ctl_misuse(ctl, "name it with --socket PATH",
                              "the path of the default socket is too long"),
                   CTL_USAGE;
    } else if (strlen(ctl->socket) < sizeof(ctl->path))
        memcpy(ctl->path, ctl->socket, strlen(ctl->socket) + 1);
    else
        return ctl_misuse(ctl, "a socket's path has at most 107 bytes",
                          "the path after --socket is too long"),
               CTL_USAGE;
    const jobd_conn_options options = {JOBD_OPTIONS(jobd_conn_options), .client_name = "jobctl"};
    jobd_error why;
    int r = jobd_connect(ctl->path, &options, &ctl->conn, &why);
    if (r == 0)
        return CTL_DONE;
    if (r != JOBD_E_REFUSED)
        return ctl_fail(ctl, &why, NULL);
    char hint[160];
    snprintf(hint, sizeof(hint), "start one with: jobd --socket %s &", ctl->path);
    snprintf(why.message, sizeof(why.message), "no daemon is listening at %s", ctl->path);
    return ctl_fail(ctl, &why, hint);
}

static void watched_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

static void unwatch_signals(struct ctl *ctl) {
    sigset_t set;
    watched_signals(&set);
    close(ctl->signal_fd);
    ctl->signal_fd = -1;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int ctl_watch_signals(struct ctl *ctl) {
    sigset_t set;
    watched_signals(&set);
    ctl->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (ctl->signal_fd < 0)
        return ctl_fail_call(ctl, JOBD_E_SYS, "watch for signals");
    sigprocmask(SIG_BLOCK, &set, NULL);
    return CTL_DONE;
}

void ctl_disconnect(struct ctl *ctl) {
    jobd_close(ctl->conn);
    ctl->conn = NULL;
    if (ctl->signal_fd >= 0)
        unwatch_signals(ctl);
}

// Was a signal caught that stops us? Then the next one finds its usual, deadly way.
static bool take_signal(struct ctl *ctl) {
    struct signalfd_siginfo info;
    if (ctl->signal_fd < 0 || read(ctl->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return false;
    if (ctl->on_signal) {
        ctl->on_signal((int)info.ssi_signo, ctl->on_signal_arg);
        return false;
    }
    ctl->signal = (int)info.ssi_signo;
    unwatch_signals(ctl);
    return true;
}

void ctl_set_deadline(struct ctl *ctl, int64_t timeout_ms) {
    ctl->deadline_ns = timeout_ms > 0 ? ctl_now_ns() + (uint64_t)timeout_ms * 1000000u : 0;
}

// Milliseconds until the deadline, and at most until the progress is drawn next; -1 = no limit.
static int64_t limit_wait(const struct ctl *ctl, int64_t ms) {
    uint64_t now_ns = ctl_now_ns();
    if (ctl->deadline_ns) {
        uint64_t left_ns = ctl->deadline_ns > now_ns ? ctl->deadline_ns - now_ns : 0;
        int64_t left_ms = (int64_t)((left_ns + 999999) / 1000000);
        ms = ms < 0 ? left_ms : JD_MIN(ms, left_ms);
    }
    if (progress_is_on(ctl->progress))
        ms = ms < 0 ? PROGRESS_TICK_MS : JD_MIN(ms, PROGRESS_TICK_MS);
    return JD_MIN(ms, INT_MAX);
}

static int wait_for_bytes(struct ctl *ctl) {
    int64_t ms;
    int r = jobd_conn_timeout(ctl->conn, &ms);
    if (r)
        return r;
    struct pollfd fds[2] = {
        {.fd = jobd_conn_fd(ctl->conn), .events = (short)jobd_conn_events(ctl->conn)},
        {.fd = ctl->signal_fd, .events = POLLIN}, // -1 is passed over
    };
    if (poll(fds, 2, (int)limit_wait(ctl, ms)) < 0 && errno != EINTR)
        return JOBD_E_SYS;
    return take_signal(ctl) ? 1 : 0;
}

int ctl_turn(struct ctl *ctl) {
    int r = jobd_conn_process(ctl->conn);
    progress_tick(ctl->progress);
    if (r < 0)
        return r;
    if (ctl->deadline_ns && ctl_now_ns() >= ctl->deadline_ns) {
        ctl->late = true;
        return 1;
    }
    if (r > 0)
        return 0;
    errno = 0;
    if (fflush(stdout)) { // what is known is seen while we wait
        ctl->output_errno = errno ? errno : EIO;
        return 1;
    }
    return wait_for_bytes(ctl);
}

int ctl_await(struct ctl *ctl, jobd_future *f) {
    while (!jobd_future_done(f)) // a dead connection ends all its futures
        if (ctl_turn(ctl) > 0)
            return 1;
    return 0;
}

int ctl_await_id(struct ctl *ctl, jobd_future *f, uint64_t *ret_id) {
    jobd_job_info info = {.struct_size = sizeof(info)};
    for (jobd_future_info(f, &info); !info.job_id && !jobd_future_done(f);
         jobd_future_info(f, &info))
        if (ctl_turn(ctl) > 0)
            return 1;
    *ret_id = info.job_id;
    return 0;
}

// "jobctl: job 7: text", or an object with the text under `name`.
static void say_of_job(struct ctl *ctl, jobd_future *f, const char *name, const char *text) {
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    progress_clear(ctl->progress);
    json_t *note =
        ctl->json ? json_pack("{s:i, s:I, s:s}", "v", 1, "job", (json_int_t)info.job_id, name, text)
                  : NULL;
    if (note)
        ctl_json_write(stderr, note);
    else {
        fprintf(stderr, "jobctl: job %" PRIu64 ": ", info.job_id);
        ctl_print_safe(stderr, text);
    }
    putc('\n', stderr);
    json_decref(note);
}

void ctl_on_note(jobd_future *f, const char *text, void *arg) {
    struct ctl *ctl = arg;
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    bool again = info.state == JOBD_JOB_QUEUED || info.state == JOBD_JOB_DELAYED;
    if (again && *text && !ctl->quiet) // else it runs, or made progress
        say_of_job(ctl, f, "note", text);
}

void ctl_on_log(jobd_future *f, int level, const char *line, void *arg) {
    static const char *const levels[] = {"error", "warning", "notice", "debug"};
    char text[1200];
    snprintf(text, sizeof(text), "%s: %s",
             level >= 0 && (size_t)level < JD_LEN(levels) ? levels[level] : "log", line);
    say_of_job(arg, f, "log", text);
}

int ctl_status(struct ctl *ctl, json_t **ret) {
    jobd_bytes map;
    json_t *status;
    int r = jobd_daemon_status(ctl->conn, CTL_ANSWER_MS, &map);
    if (!r)
        r = ctl_json_of(map, &status);
    if (!r && !json_is_object(status)) {
        json_decref(status);
        r = JOBD_E_PROTO;
    }
    if (r)
        return ctl_fail_call(ctl, r, "ask the daemon for its state");
    *ret = status;
    return CTL_DONE;
}

int ctl_print_json(struct ctl *ctl, json_t *v) {
    json_t *object = json_pack("{s:i}", "v", 1);
    int r = !v || !object || json_object_update(object, v) ? JOBD_E_NOMEM : 0;
    if (!r) {
        ctl_json_write(stdout, object);
        putchar('\n');
    }
    json_decref(object);
    json_decref(v);
    return r ? ctl_fail_call(ctl, r, "write JSON") : CTL_DONE;
}
