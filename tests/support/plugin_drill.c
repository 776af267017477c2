// A plugin whose tasks do as a test tells them, and leave marks of what they did: the other side of
// what a client is told about its jobs.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jobd/task.h>

enum { MASTER_FD = 3, TEXT_BYTES = 256, FRAME_BYTES = 4096, LONG_S = 1000 };

// ---- arguments and results ----

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

static int read_text(jobd_reader *r, char *text) {
    jobd_bytes b = {0};
    if (jobd_read_str(r, &b) < 0 || b.len >= TEXT_BYTES)
        return -1;
    memcpy(text, b.data, b.len);
    text[b.len] = '\0';
    return 0;
}

// ---- marks ----

struct mark {
    char path[TEXT_BYTES], gate[TEXT_BYTES]; // gate: "" = none
    int64_t n;
};

static int read_mark(jobd_bytes args, struct mark *m) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n;
    m->gate[0] = '\0';
    if (jobd_read_array(&r, &n) < 0 || read_text(&r, m->path) < 0 || jobd_read_i64(&r, &m->n) < 0)
        return -1;
    return n == 3 ? read_text(&r, m->gate) : 0;
}

// One line for each run, in the order the runs began.
static int add_mark(const jobd_host *host, jobd_task_ctx *ctx, const struct mark *m) {
    int fd = open(m->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    int n = dprintf(fd, "%lld %u\n", (long long)m->n, host->attempt(ctx));
    close(fd);
    return n > 0 ? 0 : -1;
}

static int mark(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    struct mark m;
    if (read_mark(args, &m) < 0)
        return bad_args(host, ctx);
    if (add_mark(host, ctx, &m) < 0)
        return host->fail(ctx, "no_mark", "cannot write to the file");
    while (m.gate[0] && access(m.gate, F_OK) < 0) {
        if (host->cancelled(ctx))
            return JOBD_E_CANCELLED;
        usleep(1000);
    }
    return give_i64(host, ctx, m.n * m.n);
}

// ---- ends of a process ----

static int die(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args;
    int64_t n;
    jobd_read_array(&r, &n_args);
    if (jobd_read_i64(&r, &n) < 0)
        return bad_args(host, ctx);
    if (n >= 0)
        return give_i64(host, ctx, n);
    dprintf(STDERR_FILENO, "farewell\n");
    signal((int)-n, SIG_DFL);
    return raise((int)-n);
}

static int exit_with(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args;
    int64_t status;
    jobd_read_array(&r, &n_args);
    if (jobd_read_i64(&r, &status) < 0)
        return bad_args(host, ctx);
    _exit((int)status);
}

// With its work half done, and a few words.
static int die_midway(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
    host->progress(ctx, 0.42, "sorting");
    dprintf(STDERR_FILENO, "the disk is full\ncannot go on\n");
    signal(SIGABRT, SIG_DFL);
    return raise(SIGABRT);
}

static struct mark last_mark;

static void mark_last(void) {
    FILE *f = fopen(last_mark.path, "ae");
    if (f)
        fprintf(f, "%lld 1\n", (long long)last_mark.n);
    if (f)
        fclose(f);
}

static int mark_at_exit(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    if (read_mark(args, &last_mark) < 0)
        return bad_args(host, ctx);
    return atexit(mark_last) == 0 ? 0 : host->fail(ctx, "no_room", "too many handlers");
}

static void crash(void) {
    signal(SIGABRT, SIG_DFL);
    abort();
}

// The worker ends in good order, until then.
static int crash_at_exit(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
    return atexit(crash) == 0 ? give_i64(host, ctx, getpid())
                              : host->fail(ctx, "no_room", "too many handlers");
}

// The stack, a page at a time.
static int deeper(const volatile bool *stop) {
    volatile char page[FRAME_BYTES];
    page[0] = 1;
    return *stop ? 0 : deeper(stop) + page[0];
}

static int recurse(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    volatile bool never = false;
    (void)host;
    (void)ctx;
    (void)args;
    signal(SIGSEGV, SIG_DFL);
    return deeper(&never);
}

static int half_frame(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    static const char bytes[] = "\x00\x00\x00\x20\x93\x02";
    (void)host;
    (void)ctx;
    (void)args;
    ssize_t n = write(MASTER_FD, bytes, sizeof bytes - 1);
    _exit(n == sizeof bytes - 1 ? 9 : 1);
}

// A process in a session of its own that holds on to every descriptor, the worker's socket too.
static int leave_open(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    pid_t pid = fork();
    (void)args;
    if (pid == 0) {
        setsid();
        sleep(LONG_S);
        _exit(0);
    }
    int r = give_i64(host, ctx, pid);
    return r;
}

// ---- the rest ----

static int needs(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    char path[TEXT_BYTES];
    uint32_t n;
    if (jobd_read_array(&r, &n) < 0 || read_text(&r, path) < 0)
        return bad_args(host, ctx);
    return access(path, F_OK) == 0 ? 0 : host->fail(ctx, "no_file", "the file is not there");
}

// Fails in its first n runs.
static int flaky(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args;
    int64_t n;
    jobd_read_array(&r, &n_args);
    if (jobd_read_i64(&r, &n) < 0)
        return bad_args(host, ctx);
    return host->attempt(ctx) <= n ? host->fail(ctx, "flaky", "not this time")
                                   : give_i64(host, ctx, host->attempt(ctx));
}

// Memory that is never given back.
static int grow(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args;
    int64_t n;
    jobd_read_array(&r, &n_args);
    if (jobd_read_i64(&r, &n) < 0)
        return bad_args(host, ctx);
    char *p = mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return host->fail(ctx, "no_memory", "cannot map so much");
    memset(p, 1, (size_t)n);
    return give_i64(host, ctx, getpid());
}

static int bytes(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    jobd_bytes b;
    uint32_t n;
    jobd_read_array(&r, &n);
    return jobd_read_bin(&r, &b) < 0 ? bad_args(host, ctx) : give_i64(host, ctx, (int64_t)b.len);
}

static int bad_result(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    static const char two_nils[] = "\xc0\xc0";
    (void)args;
    host->result(ctx, (jobd_bytes){two_nils, 2});
    return 0;
}

static int count_fds(void) {
    DIR *dir = opendir("/proc/self/fd");
    int n = -3; // ".", "..", and the directory itself
    while (dir && readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int count_fds_of_child(void) {
    int n = -1;
    FILE *f = popen("set -- /proc/self/fd/*; echo $#", "r");
    if (f && fscanf(f, "%d", &n) != 1)
        n = -1;
    if (f)
        pclose(f);
    return n - 1; // the shell's own, for the directory
}

static int fds(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
    return give_i64(host, ctx, 100 * count_fds() + count_fds_of_child());
}

// Of the bits that switch denormal numbers off, those that are set in this thread.
static int no_denormals(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
#ifdef __x86_64__
    return give_i64(host, ctx, __builtin_ia32_stmxcsr() & 0x8040);
#else
    return give_i64(host, ctx, 0);
#endif
}

static const jobd_task_def tasks[] = {
    {"drill.mark", mark, 0, "[path, n] -> n * n, after a line in the file"},
    {"drill.mark_again", mark, JOBD_TASK_IDEMPOTENT, "[path, n] -> n * n, the same"},
    {"drill.mark_until", mark, JOBD_TASK_CANCELLABLE, "[path, n, gate] -> n * n, at the gate"},
    {"drill.die", die, 0, "[n] -> n; below 0 it dies of signal -n"},
    {"drill.exit", exit_with, 0, "[status] -> never: ends the process so"},
    {"drill.mark_at_exit", mark_at_exit, 0,
     "[path, n] -> nil; a line in the file at its clean end"},
    {"drill.needs", needs, 0, "[path] -> nil, if there is such a file"},
    {"drill.crash_at_exit", crash_at_exit, 0, "[] -> process id; its clean end will be a crash"},
    {"drill.die_midway", die_midway, 0, "[] -> never: SIGABRT at 42 %, after two lines"},
    {"drill.flaky", flaky, 0, "[n] -> the number of its run; the first n fail"},
    {"drill.grow", grow, 0, "[n] -> process id; n bytes are never given back"},
    {"drill.recurse", recurse, 0, "[] -> never: stack overflow"},
    {"drill.half_frame", half_frame, 0, "[] -> never: half a result, then exit status 9"},
    {"drill.leave_open", leave_open, 0, "[] -> process id of a child that holds all descriptors"},
    {"drill.bytes", bytes, 0, "[bytes] -> how many"},
    {"drill.bad_result", bad_result, 0, "[] -> two values, which is no result"},
    {"drill.no_denormals", no_denormals, 0, "[] -> bits of MXCSR; 0 = all numbers are kept"},
    {"drill.fds", fds, 0, "[] -> 100 * descriptors here + descriptors of a program started here"},
};

static const jobd_task_module module = JOBD_TASK_MODULE("drill", "1", tasks);

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
