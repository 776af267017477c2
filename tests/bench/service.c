#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "proc.h"

enum {
    START_MS = 10000, // the daemon answers and all workers run
    STOP_MS = 10000,  // it has ended after SIGTERM
    ANSWER_MS = 60000,
    RETRY_MS = 5, // the socket is there, but nobody listens yet
    FD_MAX = 16,
};

// Long enough to outlive any measurement; closing the connection ends it early.
#define OCCUPY_SECONDS 3600.0
#define PROBE_SECONDS 0.01

const char SERVICE_NOOP[] = "echo";

jobd_bytes service_noop_args(void) {
    static const unsigned char bytes[3 + PAYLOAD_BYTES] = {0x91, 0xc4, PAYLOAD_BYTES, 1, 2, 3, 4};
    return (jobd_bytes){bytes, sizeof bytes};
}

// ---- the process ----

int service_daemon(char **args) {
    int log = open(args[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        return 1;
    execv(args[1], args + 1);
    fprintf(stderr, "jobd-bench: cannot run %s: %s\n", args[1], strerror(errno));
    return 1;
}

static int write_config(const char *path, const char *plugin) {
    FILE *f = fopen(path, "we");
    if (!f)
        return bench_fail("cannot write %s: %s", path, strerror(errno));
    if (plugin)
        fprintf(f, "plugins = %s\n", plugin);
    return fclose(f) == 0 ? 0 : bench_fail("cannot write %s: %s", path, strerror(errno));
}

static int launch(const struct bench *b, struct service *s, const char *plugin) {
    char log[96], config[96], program[512], n_workers[16];
    snprintf(config, sizeof config, "%s/config", s->dir);
    if (write_config(config, plugin) < 0)
        return -1;
    snprintf(log, sizeof log, "%s/log", s->dir);
    snprintf(program, sizeof program, "%s/jobd", b->bindir);
    snprintf(n_workers, sizeof n_workers, "%u", s->n_workers);
    const char *const args[] = {"daemon",   log,       program,     "--config", config,
                                "--socket", s->socket, "--workers", n_workers,  NULL};
    return proc_start(args, NULL, 0, &s->pid);
}

static void print_log(const struct service *s) {
    char path[96], line[1024];
    snprintf(path, sizeof path, "%s/log", s->dir);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    while (fgets(line, sizeof line, f))
        fprintf(stderr, "  %s", line);
    fclose(f);
}

// True: it ended. False: the time is over.
static bool wait_end(pid_t pid, int timeout_ms) {
    struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    if (p.fd < 0)
        return true;
    int n = poll(&p, 1, timeout_ms);
    close(p.fd);
    return n > 0;
}

// Waits for a file to appear in the service's directory, or for the daemon's end.
static int wait_change(int watch, pid_t pid) {
    struct pollfd p[] = {{.fd = watch, .events = POLLIN},
                         {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN}};
    poll(p, 2, RETRY_MS);
    close(p[1].fd);
    char events[4096];
    if (p[0].revents && read(watch, events, sizeof events) < 0)
        return bench_fail("inotify: %s", strerror(errno));
    return p[1].revents ? bench_fail("the daemon ended at once") : 0;
}

static int connect_to(const struct service *s, jobd_conn **ret) {
    int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, s->dir, IN_CREATE | IN_ATTRIB | IN_MOVED_TO) < 0)
        return bench_fail("inotify: %s", strerror(errno));
    uint64_t end_ns = bench_now_ns() + START_MS * UINT64_C(1000000);
    jobd_error why = {0};
    int r;
    do
        r = jobd_connect(s->socket, NULL, ret, &why);
    while (r == JOBD_E_REFUSED && bench_now_ns() < end_ns && wait_change(watch, s->pid) == 0);
    close(watch);
    return r < 0 ? bench_fail("cannot connect to the daemon: %s", why.message) : 0;
}

// ---- its workers ----

static int submit_sleep(jobd_executor *ex, double seconds, jobd_future **ret) {
    jobd_args *a = jobd_args_new();
    jobd_bytes bytes;
    int r = JOBD_E_NOMEM;
    if (a) {
        jobd_args_array(a, 1);
        jobd_args_f64(a, seconds);
        r = jobd_args_finish(a, &bytes);
    }
    if (r == 0)
        r = jobd_submit(ex, "sleep", bytes, NULL, ret);
    jobd_args_free(a);
    return r < 0 ? bench_fail("cannot submit a sleep: %s", jobd_strerror(r)) : 0;
}

// One short sleep for each worker, at the same time. 1 = they ran in different workers, 0 = not.
static int probe_workers(struct service *s) {
    jobd_future *fs[WORKERS_MAX] = {NULL};
    int r = 0;
    for (unsigned w = 0; w < s->n_workers && r == 0; w++)
        r = submit_sleep(s->ex, PROBE_SECONDS, &fs[w]);
    for (unsigned w = 0; w < s->n_workers && r == 0; w++) {
        jobd_bytes value;
        jobd_job_info info = {.struct_size = sizeof info};
        int e = jobd_future_result(fs[w], START_MS, &value);
        if (e < 0)
            r = bench_fail("no worker came up: %s", jobd_strerror(e));
        else if (jobd_future_info(fs[w], &info) == 0)
            s->workers[w] = (pid_t)info.worker_pid;
    }
    for (unsigned w = 0; w < s->n_workers; w++)
        jobd_future_unref(fs[w]);
    return r < 0 ? r : s->n_workers == 1 || s->workers[0] != s->workers[1];
}

static int open_executor(struct service *s) {
    int r = jobd_executor_open(s->conn, NULL, &s->ex);
    if (r < 0)
        return bench_fail("cannot open an executor: %s", jobd_strerror(r));
    uint64_t end_ns = bench_now_ns() + START_MS * UINT64_C(1000000);
    while ((r = probe_workers(s)) == 0)
        if (bench_now_ns() > end_ns)
            return bench_fail("the daemon uses fewer than %u workers", s->n_workers);
    return r < 0 ? -1 : 0;
}

int service_occupy(const struct service *s, jobd_conn **ret_conn) {
    jobd_future *fs[WORKERS_MAX];
    jobd_executor *ex;
    jobd_conn *conn;
    if (connect_to(s, &conn) < 0)
        return -1;
    int r = jobd_executor_open(conn, NULL, &ex);
    for (unsigned w = 0; w < s->n_workers && r == 0; w++)
        r = submit_sleep(ex, OCCUPY_SECONDS, &fs[w]);
    for (unsigned w = 0; w < s->n_workers && r == 0; w++)
        while (r == 0 && !jobd_future_running(fs[w]))
            r = jobd_conn_wait(conn, START_MS) > 0 ? 0 : bench_fail("a sleep did not start");
    if (r < 0) {
        jobd_close(conn);
        return bench_fail("cannot occupy the workers");
    }
    *ret_conn = conn; // the handles die with it
    return 0;
}

int service_queue_noops(const struct service *s, jobd_future **fs, unsigned n) {
    jobd_bytes args = service_noop_args();
    for (unsigned i = 0; i < n; i++) {
        int r = jobd_submit(s->ex, SERVICE_NOOP, args, NULL, &fs[i]);
        if (r == JOBD_E_AGAIN) { // too much is unsent
            r = jobd_conn_flush(s->conn, ANSWER_MS);
            r = r < 0 ? r : jobd_submit(s->ex, SERVICE_NOOP, args, NULL, &fs[i]);
        }
        if (r < 0)
            return bench_fail("submit %u of %u failed: %s", i + 1, n, jobd_strerror(r));
    }
    // The daemon answers in order of what it reads: after this, it has them all.
    int64_t rtt_ns;
    int r = jobd_conn_ping(s->conn, ANSWER_MS, &rtt_ns);
    return r < 0 ? bench_fail("the daemon does not answer: %s", jobd_strerror(r)) : 0;
}

// ---- the whole ----

int service_start(const struct bench *b, unsigned n_workers, const char *plugin,
                  struct service *ret) {
    *ret = (struct service){.n_workers = n_workers};
    const char *tmp = getenv("TMPDIR");
    if (!tmp || strlen(tmp) > 32)
        tmp = "/tmp";
    snprintf(ret->dir, sizeof ret->dir, "%s/jobd-bench.XXXXXX", tmp);
    if (!mkdtemp(ret->dir)) {
        ret->dir[0] = '\0';
        return bench_fail("cannot make a directory in %s: %s", tmp, strerror(errno));
    }
    snprintf(ret->socket, sizeof ret->socket, "%s/sock", ret->dir);
    if (launch(b, ret, plugin) == 0 && connect_to(ret, &ret->conn) == 0 && open_executor(ret) == 0)
        return 0;
    print_log(ret);
    service_stop(ret);
    return -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    return remove(path);
}

void service_stop(struct service *s) {
    jobd_executor_free(s->ex);
    jobd_close(s->conn);
    if (s->pid > 0) {
        kill(s->pid, SIGTERM);
        if (!wait_end(s->pid, STOP_MS))
            bench_fail("the daemon did not stop within %d ms and is killed", STOP_MS);
        proc_end(s->pid);
    }
    if (s->dir[0])
        nftw(s->dir, remove_one, FD_MAX, FTW_DEPTH | FTW_PHYS);
    *s = (struct service){0};
}

void service_print_pids(const struct service *s) {
    fprintf(stderr, "client %d, daemon %d, workers", getpid(), s->pid);
    for (unsigned w = 0; w < s->n_workers; w++)
        fprintf(stderr, " %d", s->workers[w]);
    fprintf(stderr, "\n");
}
