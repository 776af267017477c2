#include "tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"

enum { DEPTH = 4 };

// A chain of processes, each in a session of its own, of which every second one dies at once and
// leaves its child to the reaper. Each that stays writes its process id.
static void start_chain(int depth, int out) {
    if (depth == 0 || fork() != 0)
        return;
    setsid();
    start_chain(depth - 1, out);
    if (depth % 2) {
        pid_t pid = getpid();
        _exit(write(out, &pid, sizeof pid) == sizeof pid && close(out) == 0 ? pause() : 1);
    }
    _exit(0);
}

static bool has_child(void) {
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

static void be_reaper(void) {
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
}

TestSuite(tree, .init = be_reaper);

Test(tree, kills_every_generation_in_every_session) {
    int fds[2], pidfds[DEPTH / 2];
    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    start_chain(DEPTH, fds[1]);
    for (size_t i = 0; i < JD_LEN(pidfds); i++) {
        pid_t pid;
        cr_assert_eq(read(fds[0], &pid, sizeof pid), sizeof pid);
        pidfds[i] = pidfd_open(pid, 0);
        cr_assert_geq(pidfds[i], 0);
    }
    tree_kill();
    cr_expect(!has_child());
    for (size_t i = 0; i < JD_LEN(pidfds); i++) {
        struct pollfd pfd = {.fd = pidfds[i], .events = POLLIN};
        cr_expect_eq(poll(&pfd, 1, 0), 1, "process %zu is still there", i);
        close(pidfds[i]);
    }
}

Test(tree, kills_many) {
    for (int i = 0; i < 300; i++) {
        pid_t pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0)
            _exit(pause());
    }
    tree_kill();
    cr_expect(!has_child());
}

// In a process of its own, whose descriptors are nobody else's.
static int kill_without_descriptors(void) {
    struct rlimit few = {32, 32};
    if (setrlimit(RLIMIT_NOFILE, &few) < 0)
        return 2;
    while (dup(0) >= 0)
        ;
    if (fork() == 0)
        _exit(pause());
    tree_kill();
    return has_child() ? 1 : 0;
}

Test(tree, needs_no_free_descriptor) {
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(kill_without_descriptors());
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
}

Test(tree, of_nobody_is_no_work) {
    tree_kill();
    tree_reap();
    cr_expect(!has_child());
}

Test(tree, reap_takes_the_dead_and_leaves_the_living) {
    pid_t dead = fork();
    if (dead == 0)
        _exit(0);
    pid_t alive = fork();
    if (alive == 0)
        _exit(pause());
    siginfo_t info;
    cr_assert_eq(waitid(P_PID, (id_t)dead, &info, WEXITED | WNOWAIT), 0);
    tree_reap();
    cr_expect_eq(waitid(P_PID, (id_t)dead, &info, WEXITED | WNOHANG | WNOWAIT), -1);
    cr_expect_eq(kill(alive, 0), 0);
    kill(alive, SIGKILL);
    waitpid(alive, NULL, 0);
}
