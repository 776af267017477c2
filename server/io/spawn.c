#include "io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"

enum {
    SPAWN_FDS_MAX = 3 + FDS_MAX, // output, socket, board, pipes
    // Copies of what is handed over lie from here on, out of the way of the targets.
    SPAWN_FD_ABOVE = STDERR_FILENO + SPAWN_FDS_MAX,
};

enum { NUMBER_BYTES = 32, NUMBERS = 4, OWN_ARGS = 5 };

// The worker's environment is ours cut down to these. A worker is one of many processes on this
// machine: a library that starts a thread for every CPU by itself would fight all the others.
static const char *const env_kept[] = {
    "PATH",   "HOME",         "LANG",          "LC_ALL",       "TZ",
    "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
static const char *const env_set[] = {"OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1",
                                      "MKL_NUM_THREADS=1", "BLIS_NUM_THREADS=1",
                                      "NUMEXPR_NUM_THREADS=1"};

static char *join(const char *a, const char *b, const char *c) {
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *s = jd_alloc(size);
    if (s)
        snprintf(s, size, "%s%s%s", a, b, c);
    return s;
}

static int build_env(struct spawner *s, const char *socket_path) {
    size_t n = 0;
    s->env = jd_zalloc((JD_LEN(env_kept) + JD_LEN(env_set) + 2) * sizeof(char *));
    if (!s->env)
        return JOBD_E_NOMEM;
    for (size_t i = 0; i < JD_LEN(env_kept); i++) {
        const char *value = getenv(env_kept[i]);
        if (value && !(s->env[n++] = join(env_kept[i], "=", value)))
            return JOBD_E_NOMEM;
    }
    for (size_t i = 0; i < JD_LEN(env_set); i++)
        if (!(s->env[n++] = jd_strdup(env_set[i])))
            return JOBD_E_NOMEM;
    return (s->env[n] = join("JOBD_SOCKET", "=", socket_path)) ? 0 : JOBD_E_NOMEM;
}

// relative: to the directory of our own executable.
static char *near_ourselves(const char *relative) {
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return NULL;
    self[n] = '\0';
    return join(dirname(self), "/", relative);
}

// Takes path.
static bool use_if_there(struct spawner *s, char *path) {
    if (path && access(path, X_OK) == 0) {
        s->path = path;
        return true;
    }
    jd_free(path);
    return false;
}

static int find_worker(struct spawner *s, const char *path, struct fault *f) {
    if (path && *path) {
        if (use_if_there(s, jd_strdup(path)))
            return 0;
        return fault_sys(f, FAULT_CONFIG, "cannot run the worker program %s (worker_path)", path);
    }
    if (use_if_there(s, near_ourselves("jobd-worker")) ||
        use_if_there(s, near_ourselves("../libexec/jobd/jobd-worker")))
        return 0;
#ifdef JOBD_LIBEXEC_DIR
    if (use_if_there(s, join(JOBD_LIBEXEC_DIR, "/", "jobd-worker")))
        return 0;
#endif
    return fault_set(
        f, FAULT_CONFIG,
        "cannot find the program jobd-worker beside jobd; set worker_path to where it is");
}

int spawner_init(struct spawner *s, const char *path, const char *socket_path, struct fault *f) {
    *s = (struct spawner){0};
    if (find_worker(s, path, f) < 0)
        return -1;
    if (build_env(s, socket_path) < 0)
        return fault_set(f, FAULT_INTERNAL, "out of memory");
    return 0;
}

int spawner_arguments(struct spawner *s, uint32_t max_frame, char *const *plugins,
                      size_t n_plugins) {
    size_t n = 0;
    s->argv = jd_zalloc((5 + 2 * n_plugins + OWN_ARGS + 1) * sizeof(char *));
    s->args = jd_zalloc(NUMBERS * NUMBER_BYTES);
    if (!s->argv || !s->args)
        return JOBD_E_NOMEM;
    snprintf(s->args, NUMBER_BYTES, "%d", (int)getpid());
    snprintf(s->args + NUMBER_BYTES, NUMBER_BYTES, "%" PRIu32, max_frame);
    s->argv[n++] = s->path;
    s->argv[n++] = "--parent";
    s->argv[n++] = s->args;
    s->argv[n++] = "--max-frame";
    s->argv[n++] = s->args + NUMBER_BYTES;
    for (size_t i = 0; i < n_plugins; i++) {
        s->argv[n++] = "--plugin";
        s->argv[n++] = plugins[i];
    }
    s->n_args = n;
    return 0;
}

const char *const *spawner_argv(struct spawner *s, uint32_t n_threads, bool process,
                                uint32_t n_pipes) {
    char *threads = s->args + 2 * NUMBER_BYTES, *pipes = s->args + 3 * NUMBER_BYTES;
    size_t n = s->n_args;
    snprintf(threads, NUMBER_BYTES, "%" PRIu32, n_threads);
    snprintf(pipes, NUMBER_BYTES, "%" PRIu32, n_pipes);
    if (n_threads > 1) {
        s->argv[n++] = "--threads";
        s->argv[n++] = threads;
    }
    if (process)
        s->argv[n++] = "--process";
    if (n_pipes > 0) {
        s->argv[n++] = "--pipes";
        s->argv[n++] = pipes;
    }
    s->argv[n] = NULL;
    return s->argv;
}

void spawner_free(struct spawner *s) {
    for (char **e = s->env; e && *e; e++)
        jd_free(*e);
    jd_free(s->env);
    jd_free(s->argv);
    jd_free(s->args);
    jd_free(s->path);
}

static int set_attributes(posix_spawnattr_t *attr) {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(attr, &all);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setpgroup(attr, 0);
    // The group is there before exec: a signal to it can never come too early.
    return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETPGROUP);
}

// fds: for 1 and 2, for 3, for 4, ...
static int set_files(posix_spawn_file_actions_t *files, const int *fds, int n) {
    int err = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    for (int i = 0; i < n && !err; i++)
        err = posix_spawn_file_actions_adddup2(files, fds[i],
                                               i == 0 ? STDOUT_FILENO : STDERR_FILENO + i);
    if (!err)
        err = posix_spawn_file_actions_adddup2(files, STDOUT_FILENO, STDERR_FILENO);
    return err ? err : posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + n);
}

static int spawn_with(const struct spawner *s, const char *const argv[], const int *fds, int n,
                      pid_t *ret) {
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_init(&files);
    int err = set_attributes(&attr);
    if (!err)
        err = set_files(&files, fds, n);
    if (!err)
        err = posix_spawn(ret, s->path, &files, &attr, (char *const *)argv, s->env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return err;
}

static int spawn_apart(const struct spawner *s, const char *const argv[], const int *fds, int n,
                       pid_t *ret) {
    int moved[SPAWN_FDS_MAX], n_moved = 0, err = 0;
    while (n_moved < n && !err) {
        moved[n_moved] = fcntl(fds[n_moved], F_DUPFD_CLOEXEC, SPAWN_FD_ABOVE);
        if (moved[n_moved] >= 0)
            n_moved++;
        else
            err = errno;
    }
    if (!err)
        err = spawn_with(s, argv, moved, n, ret);
    for (int i = 0; i < n_moved; i++)
        close(moved[i]);
    return err;
}

static int list_fds(int list[SPAWN_FDS_MAX], int output, const struct spawn_fds *fds) {
    int n = 0;
    list[n++] = output;
    list[n++] = fds->sock;
    if (fds->board >= 0)
        list[n++] = fds->board;
    for (uint32_t i = 0; fds->pipes && i < fds->pipes->n; i++)
        list[n++] = fds->pipes->at[i];
    return n;
}

int spawn_child(const struct spawner *s, const char *const argv[], const struct spawn_fds *fds,
                struct child *ret) {
    int pipe_fds[2], list[SPAWN_FDS_MAX];
    pid_t pid;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
    int err = spawn_apart(s, argv, list, list_fds(list, pipe_fds[1], fds), &pid);
    close(pipe_fds[1]);
    if (err) {
        close(pipe_fds[0]);
        return -err;
    }
    int pidfd = pidfd_open(pid, 0); // nobody else reaps, so it is this very process
    if (pidfd < 0) {
        err = errno;
        spawn_signal(pid, -1, SIGKILL);
        waitpid(pid, NULL, 0);
        close(pipe_fds[0]);
        return -err;
    }
    *ret = (struct child){.pid = pid, .pidfd = pidfd, .output = pipe_fds[0]};
    return 0;
}

void spawn_signal(pid_t pid, int pidfd, int sig) {
    kill(-pid, sig);
    // One that is in its group must not get it twice, except the one that counts once anyway.
    if (sig != SIGKILL && getpgid(pid) == pid)
        return;
    if (pidfd >= 0)
        pidfd_send_signal(pidfd, sig, NULL, 0);
    else
        kill(pid, sig);
}

int spawn_reap(int pidfd, struct rusage *ret_used) {
    siginfo_t info = {0};
    long r;
    // A pidfd may be readable when the first thread is gone and the others are about to go. libuv has
    // made it non-blocking; here the rest is waited for, which is killed or ending.
    fcntl(pidfd, F_SETFL, 0);
    do // the system call, as the library's function leaves out what was used
        r = syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, ret_used);
    while (r < 0 && errno == EINTR);
    JD_ASSERT(r == 0);
    if (info.si_code == CLD_EXITED)
        return (info.si_status & 0xff) << 8;
    return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}
