// exec: a program. Unlike the other tasks it is a part of the worker and knows its insides: it says
// which process it started and how that ended, and hands the pipes on.
//
// The daemon's signals go to the whole process group, so they reach the program by themselves; this
// process holds them meanwhile, for it has to tell how the program took them. Those that came before
// the program did are handed on; one that comes in the very moment it may get twice.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctx.h"
#include "log.h"
#include "pipes.h"
#include "tasks/tasks.h"

enum { FIRST_PIPE_FD = 3, SLICE_MS = 10, STATUS_NOT_STARTED = 127 };

static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

struct program {
    char **argv;
    char **env; // beside this process's own
    char *cwd;  // "" = as it is
};

// ---- arguments ----

// A copy with a terminator; NULL = it has one inside, or is no string, or memory is out.
static char *read_text(const jobd_host *host, jobd_task_ctx *ctx, jobd_reader *r) {
    jobd_bytes text;
    if (jobd_read_str(r, &text) < 0 || memchr(text.data, '\0', text.len))
        return NULL;
    char *copy = host->alloc(ctx, text.len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

static char **read_list(const jobd_host *host, jobd_task_ctx *ctx, jobd_reader *r) {
    uint32_t n;
    if (jobd_read_array(r, &n) < 0)
        return NULL;
    char **list = host->alloc(ctx, ((size_t)n + 1) * sizeof *list);
    for (uint32_t i = 0; list && i < n; i++)
        if (!(list[i] = read_text(host, ctx, r)))
            return NULL;
    if (list)
        list[n] = NULL;
    return list;
}

static bool read_program(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args,
                         struct program *ret) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n;
    if (jobd_read_array(&r, &n) < 0 || n != 3)
        return false;
    ret->argv = read_list(host, ctx, &r);
    ret->env = ret->argv ? read_list(host, ctx, &r) : NULL;
    ret->cwd = ret->env ? read_text(host, ctx, &r) : NULL;
    return ret->cwd && ret->argv[0];
}

static bool is_set_in(char *const *env, const char *entry) {
    size_t n = strcspn(entry, "=") + 1;
    for (; *env; env++)
        if (strncmp(*env, entry, n) == 0)
            return true;
    return false;
}

// This process's environment, and what was given in place of it or beside it. NULL = out of memory.
static char **whole_env(const jobd_host *host, jobd_task_ctx *ctx, char **given) {
    size_t n = 0, n_all = 1;
    for (char **e = environ; *e; e++)
        n_all++;
    for (char **e = given; *e; e++)
        n_all++;
    char **all = host->alloc(ctx, n_all * sizeof *all);
    if (!all)
        return NULL;
    for (char **e = environ; *e; e++)
        if (!is_set_in(given, *e))
            all[n++] = *e;
    for (char **e = given; *e; e++)
        all[n++] = *e;
    all[n] = NULL;
    return all;
}

// ---- signals ----

static sigset_t all_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < JD_LEN(signals); i++)
        sigaddset(&set, signals[i]);
    return set;
}

// Takes those that are held, and hands them on to the program; pid 0 = drops them.
static void take_signals(pid_t pid) {
    const sigset_t set = all_signals();
    int sig;
    while ((sig = sigtimedwait(&set, NULL, &(struct timespec){0})) > 0) {
        if (pid)
            kill(pid, sig);
    }
}

// ---- the start ----

// Pipe i is the program's descriptor 3 + i. Each source is above its target, so that none is
// overwritten before its turn.
static int add_files(posix_spawn_file_actions_t *fa, const struct pipes *pipes) {
    uint32_t n = pipes ? pipes->n : 0;
    int err = 0;
    for (uint32_t i = 0; i < n && err == 0; i++)
        err = posix_spawn_file_actions_adddup2(fa, pipes->end[i].fd, FIRST_PIPE_FD + (int)i);
    return err ? err : posix_spawn_file_actions_addclosefrom_np(fa, FIRST_PIPE_FD + (int)n);
}

static int set_signals(posix_spawnattr_t *attr) {
    sigset_t set;
    sigemptyset(&set);
    posix_spawnattr_setsigmask(attr, &set);
    set = all_signals();
    sigaddset(&set, SIGPIPE);
    posix_spawnattr_setsigdefault(attr, &set);
    return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

// 0 | an errno.
static int start(const struct program *pg, const struct pipes *pipes, pid_t *ret) {
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&attr);
    int err = add_files(&fa, pipes);
    err = err ? err : set_signals(&attr);
    if (!err && pg->cwd[0])
        err = posix_spawn_file_actions_addchdir_np(&fa, pg->cwd);
    err = err ? err : posix_spawnp(ret, pg->argv[0], &fa, &attr, pg->argv, pg->env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&fa);
    return err;
}

static int not_started(const jobd_host *host, jobd_task_ctx *ctx, const struct program *pg,
                       int err) {
    char text[CTX_MESSAGE_BYTES], name[100], dir[100];
    const char *where = pg->cwd[0] ? pg->cwd : ".";
    jd_log_quote(name, sizeof name, (jobd_bytes){pg->argv[0], strlen(pg->argv[0])});
    jd_log_quote(dir, sizeof dir, (jobd_bytes){where, strlen(where)});
    snprintf(text, sizeof text, "cannot start %s in %s: %s", name, dir, strerror(err));
    ctx->status = STATUS_NOT_STARTED;
    return host->fail(ctx, "not_started", text);
}

static void tell_pid(jobd_task_ctx *ctx, pid_t pid) {
    const struct jd_msg msg = {.shape = JD_EVENT,
                               .op = JD_OP_TASK_PID,
                               .u.pid = {.slot = ctx->slot, .seq = ctx->seq, .pid = (uint64_t)pid}};
    if (ctx->kind == CTX_JOB)
        post_send_now(ctx->post, &msg); // a master that is gone shows when the result is sent
}

// ---- the end ----

// Its exit code, or -signal. Where no descriptor is left to wait with, the slice is the wait.
static int wait_for_end(const jobd_host *host, jobd_task_ctx *ctx, pid_t pid) {
    struct pollfd pfd = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    siginfo_t info = {.si_pid = 0};
    bool asked = false;
    int r;
    while ((r = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG)) == 0 && info.si_pid == 0) {
        poll(&pfd, 1, SLICE_MS);
        if (!asked && host->cancelled(ctx)) {
            kill(pid, SIGTERM);
            asked = true;
        }
    }
    if (pfd.fd >= 0)
        close(pfd.fd);
    if (r < 0) // somebody else has reaped it: this process is about to end, too
        return -SIGKILL;
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

static int tell_end(const jobd_host *host, jobd_task_ctx *ctx, int status) {
    char text[64];
    const char *name = status < 0 ? sigabbrev_np(-status) : NULL;
    ctx->status = status;
    if (status == 0)
        return 0;
    if (host->cancelled(ctx))
        return JOBD_E_CANCELLED;
    if (name)
        snprintf(text, sizeof text, "was killed by SIG%s", name);
    else if (status < 0)
        snprintf(text, sizeof text, "was killed by signal %d", -status);
    else
        snprintf(text, sizeof text, "exited with status %d", status);
    host->fail(ctx, "", text);
    return JOBD_E_EXITED;
}

int task_exec(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    struct program pg;
    const sigset_t held = all_signals();
    sigset_t before;
    pid_t pid;
    if (ctx->post->shared)
        return host->fail(ctx, "threads",
                          "a worker of several threads runs no programs: start a "
                          "process, or use a pool of one thread per worker");
    if (!read_program(host, ctx, args, &pg))
        return host->fail(ctx, "bad_args",
                          "exec takes [[program, ...], [\"NAME=value\", ...], "
                          "directory or \"\"], all without zero bytes");
    if (!(pg.env = whole_env(host, ctx, pg.env)))
        return JOBD_E_NOMEM;
    struct pipes *pipes = ctx->post->pipes;
    pthread_sigmask(SIG_BLOCK, &held, &before); // the thread of the lifeline takes none
    int err = start(&pg, pipes, &pid);
    if (err) {
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return not_started(host, ctx, &pg, err);
    }
    take_signals(pid);
    if (pipes)
        pipes_close(pipes); // they are the program's now
    tell_pid(ctx, pid);
    int status = wait_for_end(host, ctx, pid);
    take_signals(0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return tell_end(host, ctx, status);
}
