#include "support/daemon.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ARGS_MAX = 32,
    LOG_MAX_BYTES = 256 << 20,
    LOG_PIPE_BYTES = 1 << 20, // so that a daemon nobody listens to meanwhile can say a lot
    KNOCK_MS = 20,            // between two tries, if the daemon says nothing
    ANSWER_MS = TEST_PATIENCE_MS,
};

// ---- the log ----

// Waits up to timeout_ms for more of it. False: the end, or nothing came.
static bool listen_to(struct test_daemon *d, int timeout_ms) {
    struct pollfd pfd = {.fd = d->log_fd, .events = POLLIN};
    if (d->log_fd < 0 || poll(&pfd, 1, timeout_ms) != 1)
        return false;
    uint8_t *at = jd_buf_reserve(&d->log, 65536);
    cr_assert(at, "jobd has written %zu bytes to its log", jd_buf_used(&d->log));
    ssize_t n = read(d->log_fd, at, 65535);
    if (n > 0)
        jd_buf_commit(&d->log, (size_t)n);
    if (n == 0) {
        close(d->log_fd);
        d->log_fd = -1;
    }
    return n > 0;
}

static const char *text_of_log(struct test_daemon *d) {
    uint8_t *end = jd_buf_reserve(&d->log, 1);
    cr_assert(end);
    *end = '\0';
    return (const char *)jd_buf_view(&d->log).data;
}

const char *test_daemon_log(struct test_daemon *d) {
    while (listen_to(d, 0))
        continue;
    return text_of_log(d);
}

static unsigned count(const char *text, const char *what) {
    unsigned n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

void test_daemon_wait_log(struct test_daemon *d, const char *text, unsigned times) {
    while (count(test_daemon_log(d), text) < times)
        cr_assert(listen_to(d, TEST_PATIENCE_MS), "'%s' does not appear %u times in\n%s", text,
                  times, text_of_log(d));
}

// A finding of a sanitizer, in the daemon or in a worker: their output is in the daemon's log.
static void check_reports(struct test_daemon *d) {
    static const char *const signs[] = {"AddressSanitizer", "LeakSanitizer", "ThreadSanitizer",
                                        "runtime error:"};
    const char *log = text_of_log(d);
    for (size_t i = 0; i < JD_LEN(signs) && !d->options.reports; i++)
        cr_assert(!strstr(log, signs[i]), "a sanitizer has found something:\n%s", log);
}

// ---- starting ----

static void write_config(struct test_daemon *d) {
    char text[4096];
    const char *plugin = d->options.plugin, *more = d->options.config;
    int n = 0;
    if (plugin)
        n = snprintf(text, sizeof text, "plugins = %s/plugin_%s.so\n", JOBD_PLUGIN_DIR, plugin);
    n += snprintf(text + n, sizeof text - (size_t)n, "%s\n", more ? more : "");
    cr_assert_lt((size_t)n, sizeof text);
    tmpdir_write(d->config, text, 0644);
}

void test_daemon_prepare(struct test_daemon *d, const struct test_daemon_options *options) {
    *d = (struct test_daemon){.log_fd = -1};
    if (options)
        d->options = *options;
    if (d->options.workers == 0)
        d->options.workers = 2;
    jd_buf_init(&d->log, LOG_MAX_BYTES);
    tmpdir_make(&d->dir);
    if (d->options.uid)
        cr_assert_eq(chown(d->dir.path, d->options.uid, (gid_t)-1), 0);
    tmpdir_join(&d->dir, "sock", d->socket, sizeof d->socket);
    tmpdir_join(&d->dir, "jobd.conf", d->config, sizeof d->config);
    write_config(d);
}

static void launch(struct test_daemon *d) {
    char workers[16];
    const char *argv[ARGS_MAX + 1] = {JOBD_PATH, "--config",  d->config, "--socket",
                                      d->socket, "--workers", workers};
    size_t n = 7;
    int ends[2];
    cr_assert_eq(d->pid, 0, "it runs already");
    snprintf(workers, sizeof workers, "%u", d->options.workers);
    for (size_t i = 0; d->options.args && d->options.args[i]; i++) {
        cr_assert_lt(n, ARGS_MAX);
        argv[n++] = d->options.args[i];
    }
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[0], F_SETPIPE_SZ, LOG_PIPE_BYTES);
    d->log_fd = ends[0];
    d->pid = proc_start(&(struct proc_spec){.argv = argv,
                                            .env = d->options.env,
                                            .home = d->dir.path,
                                            .err = ends[1],
                                            .n_files = d->options.n_files,
                                            .uid = d->options.uid});
    close(ends[1]);
}

void test_daemon_run(struct test_daemon *d) {
    jobd_conn *conn = NULL;
    jobd_error why = {0};
    int64_t since_ms = test_now_ms();
    int r;
    launch(d);
    // JOBD_E_AGAIN: it serves, but has no room for us.
    while ((r = jobd_connect(d->socket, NULL, &conn, &why)) < 0 && r != JOBD_E_AGAIN) {
        while (listen_to(d, KNOCK_MS))
            continue;
        cr_assert(d->log_fd >= 0 && test_now_ms() - since_ms < TEST_PATIENCE_MS,
                  "jobd does not come up: %s\n%s", why.message, text_of_log(d));
    }
    jobd_close(conn);
}

void test_daemon_start(struct test_daemon *d, const struct test_daemon_options *options) {
    test_daemon_prepare(d, options);
    test_daemon_run(d);
}

// ---- ending ----

int test_daemon_join(struct test_daemon *d) {
    // Its end closes the pipe; nobody else has it.
    while (d->log_fd >= 0)
        if (!listen_to(d, TEST_PATIENCE_MS))
            cr_assert(d->log_fd < 0, "jobd does not end\n%s", text_of_log(d));
    int status = proc_wait(d->pid);
    d->pid = 0;
    proc_no_strays();
    check_reports(d);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int test_daemon_refuses(struct test_daemon *d) {
    launch(d);
    return test_daemon_join(d);
}

void test_daemon_stop(struct test_daemon *d) {
    char lock[sizeof d->socket + 8];
    kill(d->pid, SIGTERM);
    int status = test_daemon_join(d);
    cr_assert_eq(status, 0, "jobd ended with %d\n%s", status, text_of_log(d));
    snprintf(lock, sizeof lock, "%s.lock", d->socket);
    cr_assert(access(d->socket, F_OK) < 0 && access(lock, F_OK) < 0, "socket or lock was left");
}

void test_daemon_kill9(struct test_daemon *d) {
    kill(d->pid, SIGKILL);
    cr_assert_eq(test_daemon_join(d), 128 + SIGKILL);
}

void test_daemon_end(struct test_daemon *d) {
    if (d->pid > 0)
        test_daemon_stop(d);
    tmpdir_remove(&d->dir);
    jd_buf_free(&d->log);
}

// ---- asking ----

jobd_conn *test_daemon_connect(struct test_daemon *d) {
    jobd_conn *conn = NULL;
    jobd_error why = {0};
    int r = jobd_connect(d->socket, NULL, &conn, &why);
    cr_assert_eq(r, 0, "%s\n%s", why.message, test_daemon_log(d));
    return conn;
}

// The number that a map has under this name.
static uint64_t number_in(jobd_reader *r, const char *name) {
    uint64_t value = 0;
    uint32_t n;
    bool found = false;
    cr_assert_eq(jobd_read_map(r, &n), 0);
    for (uint32_t i = 0; i < n; i++) {
        jobd_bytes key;
        cr_assert_eq(jobd_read_str(r, &key), 0);
        bool it = key.len == strlen(name) && memcmp(key.data, name, key.len) == 0;
        found |= it;
        cr_assert_eq(it ? jobd_read_u64(r, &value) : jobd_read_skip(r), 0);
    }
    cr_assert(found, "there is no '%s'", name);
    return value;
}

uint64_t test_daemon_status(jobd_conn *conn, const char *name) {
    jobd_bytes map;
    cr_assert_eq(jobd_daemon_status(conn, ANSWER_MS, &map), 0);
    jobd_reader r = jobd_reader_of(map);
    return number_in(&r, name);
}

size_t test_daemon_workers(jobd_conn *conn, const char *name, uint64_t *ret, size_t max) {
    uint64_t cursor = 0;
    size_t n_all = 0;
    do {
        jobd_bytes rows;
        uint32_t n;
        cr_assert_eq(jobd_daemon_workers(conn, ANSWER_MS, &cursor, &rows), 0);
        jobd_reader r = jobd_reader_of(rows);
        cr_assert_eq(jobd_read_array(&r, &n), 0);
        for (uint32_t i = 0; i < n && n_all < max; i++)
            ret[n_all++] = number_in(&r, name);
    } while (cursor != 0 && n_all < max);
    return n_all;
}

void test_daemon_wait_workers(jobd_conn *conn, unsigned n) {
    TEST_UNTIL(test_daemon_status(conn, "workers_ready") >= n);
}

struct proc_result test_daemon_command(const struct test_daemon *d, const char *const *args,
                                       const char *const *env) {
    const char *argv[ARGS_MAX + 1] = {JOBD_PATH};
    for (size_t i = 0; args[i]; i++) {
        cr_assert_lt(i, ARGS_MAX - 1);
        argv[i + 1] = args[i];
    }
    return proc_run((struct proc_spec){.argv = argv, .env = env, .home = d->dir.path});
}

// ---- the build ----

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN true
#elif defined(__has_feature)
#define UNDER_ASAN __has_feature(address_sanitizer)
#else
#define UNDER_ASAN false
#endif

bool test_under_asan(void) {
    return UNDER_ASAN;
}

unsigned test_storm(unsigned full) {
    const char *percent = getenv("JOBD_TEST_STORM");
    uint64_t p = percent ? strtoul(percent, NULL, 10) : test_under_asan() ? 5 : 100;
    return (unsigned)JD_MAX(full * p / 100, (uint64_t)1);
}

const char *test_asan_env(void) {
    static char entry[512];
    const char *ours = getenv("ASAN_OPTIONS");
    snprintf(entry, sizeof entry, "ASAN_OPTIONS=%s%squarantine_size_mb=1:malloc_context_size=1",
             ours ? ours : "", ours ? ":" : "");
    return entry;
}
