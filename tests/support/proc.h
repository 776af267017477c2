// Processes: starting programs, and looking at any process from outside.
//
// Every process that a test starts begins here. The test process is the reaper of all its
// descendants, so whatever a daemon has left behind, however well it has hidden, becomes a child
// that nobody here has started: a stray. Everything started dies with the test process.
#ifndef TESTS_PROC_H
#define TESTS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { TEST_PATIENCE_MS = 60000 }; // only a failing test waits this long

int64_t test_now_ms(void);
void test_pause(int64_t since_ms, const char *what); // a moment; fails when patience is at its end

// Waits for what nobody announces: looks again and again, and fails after TEST_PATIENCE_MS.
#define TEST_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int64_t since_ms_ = test_now_ms();                                                         \
        while (!(condition))                                                                       \
            test_pause(since_ms_, #condition);                                                     \
    } while (0)

// ---- starting ----

struct proc_spec {
    const char *const *argv; // argv[0] is the path
    const char *const *env;  // "NAME=value" over our environment, or NULL
    const char *home;        // HOME; NULL = ours
    int out, err;            // 0 = /dev/null
    unsigned n_files;        // RLIMIT_NOFILE, soft and hard; 0 = ours
    uid_t uid;               // 0 = ours
};

// Without JOBD_SOCKET and XDG_*, so that nothing of the surroundings leaks in. The process leads a
// group of its own.
pid_t proc_start(const struct proc_spec *spec);
// fork(); with dies, the child is killed when we end. The child leaves with _exit().
pid_t proc_fork(bool dies);
// Reaps a process that was started here; returns its wait status. Fails after TEST_PATIENCE_MS.
int proc_wait(pid_t pid);

struct proc_result {
    int status; // exit status; 128 + the signal that killed it
    char *out, *err;
};

// Runs a program to its end. spec->out and err are set here. Free the result.
struct proc_result proc_run(struct proc_spec spec);
void proc_result_free(struct proc_result *r);

// ---- looking ----

struct proc_list {
    pid_t at[1024];
    size_t n;
};

bool proc_alive(pid_t pid); // neither gone nor a zombie
void proc_children(pid_t pid, struct proc_list *ret);
// What can be read of a process, for messages: its command line.
void proc_name(pid_t pid, char *out, size_t size);
uint64_t proc_rss_bytes(pid_t pid);
uint64_t proc_cpu_ms(pid_t pid); // user and system time so far; 10 ms fine

// Strays that are alive; dead ones are reaped.
void proc_strays(struct proc_list *ret);
// Waits until there is none. Those that stay are named, killed, and fail the test.
void proc_no_strays(void);

// May that user run this program? It may lie under a directory that is closed to others. For root.
bool proc_may_run(uid_t uid, const char *path);

#endif
