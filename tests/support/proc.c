#include "support/proc.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"

enum {
    STARTED_MAX = 256,
    OUTPUT_MAX_BYTES = 16 << 20,
    PAUSE_MS = 2,
    LAST_ROUNDS = 1000,
    ENV_MAX = 512
};

// What was started and not waited for; pid 0 = free.
static struct {
    pid_t pid;
    bool dies; // with us
} started[STARTED_MAX];

int64_t test_now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void test_pause(int64_t since_ms, const char *what) {
    cr_assert(test_now_ms() - since_ms < TEST_PATIENCE_MS, "waited in vain until %s", what);
    poll(NULL, 0, PAUSE_MS);
}

// ---- starting ----

// Notes a process (old = 0) or forgets one (new = 0).
static void exchange(pid_t old, pid_t new, bool dies) {
    for (size_t i = 0; i < STARTED_MAX; i++) {
        if (started[i].pid == old) {
            started[i].pid = new;
            started[i].dies = dies;
            return;
        }
    }
    cr_assert_fail("process %d was not started here, or there are too many", (int)old);
}

// A test that has failed leaves nothing behind either.
static void kill_everything(void) {
    struct proc_list strays;
    for (size_t i = 0; i < STARTED_MAX; i++) {
        if (started[i].pid > 0 && started[i].dies) {
            kill(started[i].pid, SIGKILL);
            waitpid(started[i].pid, NULL, 0);
            started[i].pid = 0;
        }
    }
    for (int i = 0; i < LAST_ROUNDS; i++) {
        proc_strays(&strays);
        if (strays.n == 0)
            return;
        for (size_t k = 0; k < strays.n; k++)
            kill(strays.at[k], SIGKILL);
        poll(NULL, 0, PAUSE_MS);
    }
}

pid_t proc_fork(bool dies) {
    static pid_t tidied;
    pid_t parent = getpid();
    if (tidied != parent) {
        tidied = parent;
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        atexit(kill_everything);
    }
    pid_t pid = fork();
    cr_assert_geq(pid, 0, "fork: %s", strerror(errno));
    if (pid > 0) {
        exchange(0, pid, dies);
    } else if (dies) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (getppid() != parent)
            _exit(1);
    }
    return pid;
}

static bool is_ours_to_hide(const char *entry) {
    static const char *const names[] = {"JOBD_SOCKET=", "XDG_"};
    for (size_t i = 0; i < JD_LEN(names); i++)
        if (strncmp(entry, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static void set_up_env(const struct proc_spec *spec) {
    extern char **environ;
    static char *kept[ENV_MAX];
    size_t n = 0;
    for (char **e = environ; *e && n < ENV_MAX - 1; e++)
        if (!is_ours_to_hide(*e))
            kept[n++] = *e;
    environ = kept;
    if (spec->home)
        setenv("HOME", spec->home, 1);
    for (size_t i = 0; spec->env && spec->env[i]; i++)
        putenv((char *)(uintptr_t)spec->env[i]);
}

_Noreturn static void become(const struct proc_spec *spec, pid_t parent) {
    const struct rlimit files = {spec->n_files, spec->n_files};
    int null = open("/dev/null", O_RDWR);
    setpgid(0, 0);
    dup2(null, STDIN_FILENO);
    dup2(spec->out > 0 ? spec->out : null, STDOUT_FILENO);
    dup2(spec->err > 0 ? spec->err : null, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0u, 0);
    set_up_env(spec);
    if (spec->n_files > 0 && setrlimit(RLIMIT_NOFILE, &files) < 0)
        _exit(126);
    if (spec->uid > 0 && setresuid(spec->uid, spec->uid, spec->uid) < 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); // after setresuid(), which clears it
    if (getppid() == parent)
        execv(spec->argv[0], (char *const *)(uintptr_t)spec->argv);
    _exit(127);
}

pid_t proc_start(const struct proc_spec *spec) {
    pid_t parent = getpid(), pid = proc_fork(true);
    if (pid == 0)
        become(spec, parent);
    return pid;
}

int proc_wait(pid_t pid) {
    int status = 0, pidfd = pidfd_open(pid, 0);
    cr_assert_geq(pidfd, 0, "process %d is gone already", (int)pid);
    struct pollfd pfd = {.fd = pidfd, .events = POLLIN};
    int r = poll(&pfd, 1, TEST_PATIENCE_MS);
    close(pidfd);
    cr_assert_eq(r, 1, "process %d does not end", (int)pid);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    exchange(pid, 0, false);
    return status;
}

// False: the end.
static bool take(int fd, struct jd_buf *b) {
    uint8_t *at = jd_buf_reserve(b, 65536);
    cr_assert(at, "too much output");
    ssize_t n = read(fd, at, 65536);
    if (n > 0)
        jd_buf_commit(b, (size_t)n);
    return n > 0;
}

static char *text_of(struct jd_buf *b) {
    char *text = strndup(b->data ? (const char *)b->data : "", jd_buf_used(b));
    jd_buf_free(b);
    return text;
}

struct proc_result proc_run(struct proc_spec spec) {
    int out[2], err[2];
    struct jd_buf text[2];
    jd_buf_init(&text[0], OUTPUT_MAX_BYTES);
    jd_buf_init(&text[1], OUTPUT_MAX_BYTES);
    cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(err, O_CLOEXEC), 0);
    spec.out = out[1];
    spec.err = err[1];
    pid_t pid = proc_start(&spec);
    close(out[1]);
    close(err[1]);
    struct pollfd fds[] = {{.fd = out[0], .events = POLLIN}, {.fd = err[0], .events = POLLIN}};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        cr_assert_gt(poll(fds, 2, TEST_PATIENCE_MS), 0, "%s does not end", spec.argv[0]);
        for (int i = 0; i < 2; i++)
            if (fds[i].fd >= 0 && fds[i].revents && !take(fds[i].fd, &text[i]))
                fds[i].fd = -1;
    }
    close(out[0]);
    close(err[0]);
    int status = proc_wait(pid);
    return (struct proc_result){
        .status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
        .out = text_of(&text[0]),
        .err = text_of(&text[1]),
    };
}

void proc_result_free(struct proc_result *r) {
    free(r->out);
    free(r->err);
}

// ---- looking ----

static size_t read_proc(pid_t pid, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    n = JD_MAX(n, 0);
    text[n] = '\0';
    return (size_t)n;
}

struct stat_line {
    char state;
    int ppid;
    unsigned long utime, stime; // clock ticks
};

static bool read_stat(pid_t pid, struct stat_line *ret) {
    char text[1024];
    read_proc(pid, "stat", text, sizeof text);
    const char *after_name = strrchr(text, ')'); // the name may hold anything
    return after_name &&
           sscanf(after_name + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ret->state,
                  &ret->ppid, &ret->utime, &ret->stime) == 4;
}

static bool is_dead(const struct stat_line *s) {
    return s->state == 'Z' || s->state == 'X';
}

bool proc_alive(pid_t pid) {
    struct stat_line s;
    return read_stat(pid, &s) && !is_dead(&s);
}

void proc_children(pid_t pid, struct proc_list *ret) {
    struct stat_line s;
    DIR *dir = opendir("/proc");
    cr_assert(dir);
    ret->n = 0;
    for (const struct dirent *e; (e = readdir(dir));) {
        pid_t child = (pid_t)strtol(e->d_name, NULL, 10);
        if (child <= 0 || !read_stat(child, &s) || s.ppid != pid)
            continue;
        cr_assert_lt(ret->n, JD_LEN(ret->at));
        ret->at[ret->n++] = child;
    }
    closedir(dir);
}

void proc_name(pid_t pid, char *out, size_t size) {
    size_t n = read_proc(pid, "cmdline", out, size);
    for (size_t i = 0; i + 1 < n; i++)
        if (out[i] == '\0')
            out[i] = ' ';
}

uint64_t proc_rss_bytes(pid_t pid) {
    char text[256];
    unsigned long pages = 0;
    read_proc(pid, "statm", text, sizeof text);
    cr_assert_eq(sscanf(text, "%*u %lu", &pages), 1);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t proc_cpu_ms(pid_t pid) {
    struct stat_line s;
    cr_assert(read_stat(pid, &s), "process %d is gone", (int)pid);
    return (uint64_t)(s.utime + s.stime) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static bool was_started(pid_t pid) {
    for (size_t i = 0; i < STARTED_MAX; i++)
        if (started[i].pid == pid)
            return true;
    return false;
}

void proc_strays(struct proc_list *ret) {
    struct proc_list children;
    proc_children(getpid(), &children);
    ret->n = 0;
    for (size_t i = 0; i < children.n; i++) {
        pid_t pid = children.at[i];
        if (!was_started(pid) && waitpid(pid, NULL, WNOHANG) == 0)
            ret->at[ret->n++] = pid;
    }
}

void proc_no_strays(void) {
    struct proc_list strays;
    char name[128];
    int64_t since_ms = test_now_ms();
    proc_strays(&strays);
    while (strays.n > 0 && test_now_ms() - since_ms < TEST_PATIENCE_MS) {
        poll(NULL, 0, PAUSE_MS);
        proc_strays(&strays);
    }
    if (strays.n == 0)
        return;
    proc_name(strays.at[0], name, sizeof name);
    for (size_t i = 0; i < strays.n; i++)
        kill(strays.at[i], SIGKILL);
    cr_assert_fail("%zu processes were left behind, the first is %d: %s", strays.n,
                   (int)strays.at[0], name);
}

bool proc_may_run(uid_t uid, const char *path) {
    cr_assert_eq(seteuid(uid), 0);
    bool may = faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
    cr_assert_eq(seteuid(0), 0);
    return may;
}
