// A plugin whose tasks misbehave, each in one way, and two that do not.
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jobd/task.h>

enum { MASTER_FD = 3, CHUNK_BYTES = 4096, LINE_BYTES = 80 };

// ---- arguments and results ----

static int read_i64(jobd_bytes args, int64_t *ret) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n;
    return jobd_read_array(&r, &n) < 0 ? r.err : jobd_read_i64(&r, ret);
}

static int give_i64(const jobd_host *host, jobd_task_ctx *ctx, int64_t v) {
    jobd_bytes value;
    jobd_args *a = jobd_args_new();
    jobd_args_i64(a, v);
    int r = jobd_args_finish(a, &value);
    r = r ? r : host->result(ctx, value);
    jobd_args_free(a);
    return r;
}

static int bad_args(const jobd_host *host, jobd_task_ctx *ctx) {
    return host->fail(ctx, "bad_args", "the arguments are not as the task wants them");
}

// ---- the two that do not ----

static int square(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    int64_t x;
    if (read_i64(args, &x) < 0)
        return bad_args(host, ctx);
    return give_i64(host, ctx, x * x);
}

// Waits for somebody to make a file: a job that is as long as a test wants it to be.
static int until(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    char path[256];
    jobd_reader r = jobd_reader_of(args);
    jobd_bytes name = {0};
    uint32_t n;
    jobd_read_array(&r, &n);
    if (jobd_read_str(&r, &name) < 0 || name.len >= sizeof path)
        return bad_args(host, ctx);
    memcpy(path, name.data, name.len);
    path[name.len] = '\0';
    while (access(path, F_OK) < 0 && !host->cancelled(ctx))
        usleep(1000);
    return host->cancelled(ctx) ? host->fail(ctx, "cancelled", "asked to stop") : 0;
}

// ---- ends of a process ----

static int exit0(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)host;
    (void)ctx;
    (void)args;
    _exit(0);
}

static int abort_(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)host;
    (void)ctx;
    (void)args;
    abort();
}

// A sanitizer's handler would make an exit status of the signal.
static int segv(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)host;
    (void)ctx;
    (void)args;
    char *page = mmap(NULL, CHUNK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)page = 1;
    return 0;
}

static int stop(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)host;
    (void)ctx;
    (void)args;
    return raise(SIGSTOP);
}

static int ignore_term(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    volatile uint64_t turns = 0;
    (void)host;
    (void)ctx;
    (void)args;
    signal(SIGTERM, SIG_IGN);
    while (turns < UINT64_MAX)
        turns = turns + 1;
    return 0;
}

// Out of reach of a signal to its own process group, in that of the daemon's.
static int leave_group(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    if (setpgid(0, getpgid(getppid())) < 0)
        return JOBD_E_SYS;
    return ignore_term(host, ctx, args);
}

// ---- processes left behind ----

// The grandchild has left its parent, its session and its process group; it ends by itself long
// after any test. Its id comes through a pipe.
static pid_t fork_daemon(void) {
    int ends[2];
    pid_t daemon = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return 0;
    pid_t child = fork();
    if (child == 0) {
        setsid();
        pid_t id = fork();
        if (id == 0) {
            close_range(0, ~0u, 0);
            sleep(1000);
        } else {
            dprintf(ends[1], "%d\n", (int)id);
        }
        _exit(0);
    }
    close(ends[1]);
    FILE *f = fdopen(ends[0], "r");
    if (!f || fscanf(f, "%d", &daemon) != 1)
        daemon = 0;
    if (f)
        fclose(f);
    return daemon;
}

static int leave_daemon(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
    return give_i64(host, ctx, fork_daemon());
}

// The daemon's id is the progress note: the job itself does not end.
static int hang_with_daemon(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    char note[32];
    (void)args;
    snprintf(note, sizeof note, "%d", (int)fork_daemon());
    int r = host->progress(ctx, 0.5, note);
    while (r == 0)
        pause();
    return r;
}

// ---- what belongs to the worker ----

static int closefds(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)host;
    (void)ctx;
    (void)args;
    return close_range(MASTER_FD, ~0u, 0);
}

static int garbage(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    static const char bytes[] = "\x00\x00\x00\x05these are no messages of a worker";
    (void)host;
    (void)ctx;
    (void)args;
    return write(MASTER_FD, bytes, sizeof bytes) == sizeof bytes ? 0 : -1;
}

// ---- too much ----

static int big_result(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    int64_t n;
    jobd_bytes value;
    if (read_i64(args, &n) < 0 || n < 0 || n > UINT32_MAX)
        return bad_args(host, ctx);
    void *bytes = calloc(1, (size_t)n + 1);
    jobd_args *a = jobd_args_new();
    jobd_args_bin(a, (jobd_bytes){bytes, (size_t)n});
    int r = jobd_args_finish(a, &value);
    r = r ? r : host->result(ctx, value);
    jobd_args_free(a);
    free(bytes);
    return r;
}

static int print(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    char line[LINE_BYTES];
    int64_t n;
    if (read_i64(args, &n) < 0)
        return bad_args(host, ctx);
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (; n > 0; n -= LINE_BYTES)
        if (write(STDOUT_FILENO, line, sizeof line) < 0)
            break;
    return give_i64(host, ctx, 0);
}

static int fail(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    char name[512], message[2048];
    jobd_reader r = jobd_reader_of(args);
    jobd_bytes b[2] = {{0}};
    uint32_t n;
    jobd_read_array(&r, &n);
    jobd_read_str(&r, &b[0]);
    if (jobd_read_str(&r, &b[1]) < 0)
        return bad_args(host, ctx);
    snprintf(name, sizeof name, "%.*s", (int)b[0].len, (const char *)b[0].data);
    snprintf(message, sizeof message, "%.*s", (int)b[1].len, (const char *)b[1].data);
    return host->fail(ctx, name, message);
}

static const jobd_task_def tasks[] = {
    {"demo.square", square, JOBD_TASK_IDEMPOTENT, "[x] -> x * x, integers"},
    {"demo.until", until, JOBD_TASK_CANCELLABLE, "[path] -> nil, once there is such a file"},
    {"evil.exit0", exit0, 0, "[] -> never: ends the process with status 0"},
    {"evil.abort", abort_, 0, "[] -> never: SIGABRT"},
    {"evil.segv", segv, 0, "[] -> never: SIGSEGV"},
    {"evil.segv_idempotent", segv, JOBD_TASK_IDEMPOTENT, "[] -> never: SIGSEGV, every time"},
    {"evil.stop", stop, 0, "[] -> nil, once somebody continues the process"},
    {"evil.leave_group", leave_group, 0, "[] -> never: a member of the daemon's process group"},
    {"evil.ignore_term", ignore_term, 0, "[] -> never: deaf to SIGTERM and to the stop flag"},
    {"evil.fork_daemon", leave_daemon, 0, "[] -> process id of a daemon that is left behind"},
    {"evil.hang_with_daemon", hang_with_daemon, 0, "[] -> never; the daemon's id is the note"},
    {"evil.closefds", closefds, 0, "[] -> closes the worker's socket"},
    {"evil.garbage", garbage, 0, "[] -> writes no message to the worker's socket"},
    {"evil.big_result", big_result, 0, "[n] -> n bytes"},
    {"evil.print", print, 0, "[n] -> 0, after n bytes of output"},
    {"evil.fail", fail, 0, "[name, message] -> fails so"},
};

static const jobd_task_module module = JOBD_TASK_MODULE("evil", "1", tasks);

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
