// One round: signal every child, wait for one of them, reap the others that have ended. A dead
// child's own children are ours by then and fall in the next round. Only pidfds are signalled: a
// process id may change hands between the look at /proc and the kill, a pidfd cannot.
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"

enum { FIRST_TASK_FD = 4 }; // 0 to 2 are the standard streams, 3 is the socket to the master

struct round {
    int last;        // pidfd of the child signalled last, or -1
    bool out_of_fds; // tasks have left no descriptor to work with
};

static int keep_fd(struct round *round, int fd) {
    round->out_of_fds |= fd < 0 && errno == EMFILE;
    return fd;
}

// Reads a small file whole; the text is always terminated.
static void read_file(struct round *round, const char *path, char *text, size_t size) {
    int fd = keep_fd(round, open(path, O_RDONLY | O_CLOEXEC));
    ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[JD_MAX(n, 0)] = '\0';
}

static bool is_child(struct round *round, pid_t pid) {
    char path[64], stat[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    read_file(round, path, stat, sizeof stat);
    const char *after_name = strrchr(stat, ')'); // the name may hold anything
    int ppid;
    return after_name && sscanf(after_name + 1, " %*c %d", &ppid) == 1 && ppid == (int)getpid();
}

static void kill_if_child(struct round *round, pid_t pid) {
    int fd = keep_fd(round, pidfd_open(pid, 0));
    if (fd < 0)
        return;
    if (!is_child(round, pid) || pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0) {
        close(fd);
        return;
    }
    if (round->last >= 0)
        close(round->last);
    round->last = fd;
}

// A thread's children are those it started; orphans go to any thread of their reaper.
static void kill_children_of_thread(struct round *round, pid_t tid) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)tid);
    read_file(round, path, text, sizeof text);
    for (char *p = text, *end;; p = end) {
        long pid = strtol(p, &end, 10);
        if (end == p || *end != ' ') // the end, or cut by the buffer: the next round has the rest
            return;
        kill_if_child(round, (pid_t)pid);
    }
}

// Calls each() for every entry of a directory that is a number.
static void each_number(struct round *round, const char *path,
                        void (*each)(struct round *round, pid_t n)) {
    union {
        char bytes[4096];
        struct dirent64 align;
    } buf;
    int fd = keep_fd(round, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return;
    for (ssize_t n; (n = getdents64(fd, &buf, sizeof buf)) > 0;)
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const void *)(buf.bytes + at);
            long id = strtol(entry->d_name, NULL, 10);
            if (id > 0)
                each(round, (pid_t)id);
            at += entry->d_reclen;
        }
    close(fd);
}

static void wait_for_one(int pidfd) {
    siginfo_t info;
    int r;
    do // a child that another thread has reaped is gone as well: ECHILD
        r = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL);
    while (r < 0 && errno == EINTR);
    close(pidfd);
}

// False: no child is left.
static bool reap_ended(void) {
    siginfo_t info;
    int r;
    do {
        info.si_pid = 0;
        r = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL);
    } while ((r == 0 && info.si_pid != 0) || (r < 0 && errno == EINTR));
    return r == 0;
}

void tree_kill(void) {
    // Kernels without the lists of children have only the long way.
    bool listed = access("/proc/thread-self/children", R_OK) == 0;
    while (reap_ended()) {
        struct round round = {.last = -1};
        if (listed)
            each_number(&round, "/proc/self/task", kill_children_of_thread);
        else
            each_number(&round, "/proc", kill_if_child);
        if (round.out_of_fds)
            close_range(FIRST_TASK_FD, ~0u, 0);
        else if (round.last >= 0)
            wait_for_one(round.last);
        else
            poll(NULL, 0, 1); // there is a child that nobody may signal: no hurry
    }
}

void tree_reap(void) {
    reap_ended();
}
