// The real jobd, for one test: in a directory of its own, on a socket of its own.
//
//     struct test_daemon d;
//     test_daemon_start(&d, &(struct test_daemon_options){.workers = 2, .plugin = "evil"});
//     struct test_client c;
//     test_client_open(&c, &d);
//     ...
//     test_client_close(&c);
//     test_daemon_end(&d);
//
// What goes wrong in here ends the test. However the test ends, nothing of it stays: the daemon
// dies with the test process, its workers with the daemon, the directory last.
#ifndef TESTS_DAEMON_H
#define TESTS_DAEMON_H

#include <jobd/jobd.h>

#include "buf.h"
#include "support/proc.h"
#include "support/tmpdir.h"

struct test_daemon_options {
    unsigned workers;   // 0 = 2
    const char *plugin; // "evil" loads plugin_evil.so
    const char
        *config; // lines of its file besides; no `workers`, `socket`; no `plugins` with plugin
    const char *const *args; // of its command line besides; NULL-terminated
    const char *const *env;  // "NAME=value" over ours; NULL-terminated
    unsigned n_files;        // RLIMIT_NOFILE; 0 = ours
    uid_t uid;               // 0 = ours
    bool reports;            // a sanitizer's report in its log is no failure
};

struct test_daemon {
    struct test_daemon_options options; // borrowed pointers: they must live as long
    struct tmpdir dir;                  // of socket, state and configuration
    char socket[128];                   // a test may put another path here before it runs
    char config[96];
    pid_t pid; // 0 = does not run
    int log_fd;
    struct jd_buf log; // all that every run has written to stderr; see test_daemon_log()
};

// Makes the directory, starts, waits until it takes connections. options: NULL = defaults.
void test_daemon_start(struct test_daemon *d, const struct test_daemon_options *options);
// Makes the directory only, for a test that prepares it.
void test_daemon_prepare(struct test_daemon *d, const struct test_daemon_options *options);
// Starts (again) in the same directory, and waits until it takes connections.
void test_daemon_run(struct test_daemon *d);
// Starts it where it must refuse: waits for the end and returns the exit status.
int test_daemon_refuses(struct test_daemon *d);
// Waits for the end of a daemon that somebody has asked to stop: returns its exit status, 128 +
// signal for a kill. Insists that no process and no sanitizer's report is left behind.
int test_daemon_join(struct test_daemon *d);
// TERM, join, exit status 0, and neither socket nor lock left.
void test_daemon_stop(struct test_daemon *d);
// KILL, join.
void test_daemon_kill9(struct test_daemon *d);
// Stops it if it runs, and frees everything.
void test_daemon_end(struct test_daemon *d);

// What it has written up to now, terminated. A view until the next call on d.
const char *test_daemon_log(struct test_daemon *d);
// Waits until the log says so `times` times.
void test_daemon_wait_log(struct test_daemon *d, const char *text, unsigned times);

jobd_conn *test_daemon_connect(struct test_daemon *d);
// One number of its status: "workers_ready", "jobs_running", ...
uint64_t test_daemon_status(jobd_conn *conn, const char *name);
// One number of each of its workers, like "pid"; at most `max` of them. Returns how many.
size_t test_daemon_workers(jobd_conn *conn, const char *name, uint64_t *ret, size_t max);
// Waits until that many workers are ready.
void test_daemon_wait_workers(jobd_conn *conn, unsigned n);
// Runs jobd itself to its end, as for --help. Free the result.
struct proc_result test_daemon_command(const struct test_daemon *d, const char *const *args,
                                       const char *const *env);

// How often a storm blows: `full` times in a release build, a twentieth under sanitizers.
// JOBD_TEST_STORM=50 makes it 50 percent of `full` in any build.
unsigned test_storm(unsigned full);
// Are we built with AddressSanitizer? Then memory figures mean little.
bool test_under_asan(void);
// An environment entry that keeps a sanitizer from holding on to freed memory, for tests that
// measure it. Static.
const char *test_asan_env(void);

#endif
