#include "io/probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"

enum { PROBE_MS = 10000, PROBE_SAYS_BYTES = 1024, SWEEP_DELAY_MAX_MS = 50 };

struct probe {
    struct child child;
    char says[PROBE_SAYS_BYTES]; // the last of it
    size_t n_says;
};

static int64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

// False: nothing there, or nobody is left who could write.
static bool listen_to(struct probe *p) {
    char some[PROBE_SAYS_BYTES / 2];
    ssize_t n = read(p->child.output, some, sizeof some);
    if (n <= 0)
        return false;
    if (p->n_says + (size_t)n > sizeof p->says) {
        size_t drop = p->n_says + (size_t)n - sizeof p->says;
        p->n_says -= drop;
        memmove(p->says, p->says + drop, p->n_says);
    }
    memcpy(p->says + p->n_says, some, (size_t)n);
    p->n_says += (size_t)n;
    return true;
}

// True: the process has ended in time.
static bool wait_for_end(struct probe *p) {
    struct pollfd fds[] = {{.fd = p->child.pidfd, .events = POLLIN},
                           {.fd = p->child.output, .events = POLLIN}};
    int64_t until = now_ms() + PROBE_MS, left;
    while ((left = until - now_ms()) > 0) {
        if (poll(fds, 2, (int)left) < 0)
            continue;
        if (fds[1].revents && !listen_to(p))
            fds[1].fd = -1; // it has closed its output
        if (fds[0].revents)
            return true;
    }
    return false;
}

static bool own_nothing(void *arg, pid_t pid) {
    (void)arg;
    (void)pid;
    return false;
}

static void kill_tree(const struct pid_list *spared) {
    for (int delay_ms = 1; orphans_round(spared, own_nothing, NULL) > 0;
         delay_ms = JD_MIN(2 * delay_ms, SWEEP_DELAY_MAX_MS))
        poll(NULL, 0, delay_ms);
}

static jobd_bytes last_line(const struct probe *p) {
    size_t end = p->n_says;
    while (end > 0 && p->says[end - 1] == '\n')
        end--;
    size_t begin = end;
    while (begin > 0 && p->says[begin - 1] != '\n')
        begin--;
    return (jobd_bytes){p->says + begin, end - begin};
}

// 0 = the plugin can be loaded, else *reason says why not.
static int judge(const struct probe *p, bool in_time, int status, char *reason, size_t size) {
    jobd_bytes line = last_line(p);
    char quoted[PROBE_SAYS_BYTES];
    if (!in_time)
        snprintf(reason, size, "\"it was not loaded within %d s\"", PROBE_MS / 1000);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    else if (WIFSIGNALED(status))
        snprintf(reason, size, "\"loading it crashed: %s\"", strsignal(WTERMSIG(status)));
    else if (line.len > 0)
        snprintf(reason, size, "%s", jd_log_quote(quoted, sizeof quoted, line));
    else
        snprintf(reason, size, "\"loading it failed with exit status %d\"", WEXITSTATUS(status));
    return -1;
}

static int probe(const struct spawner *s, const struct pid_list *spared, const char *const argv[],
                 char *reason, size_t size) {
    struct probe p = {.n_says = 0};
    int lifeline[2], r = 0; // its end tells the process that we are gone
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lifeline) < 0)
        r = -errno;
    if (r == 0) {
        r = spawn_child(s, argv, &(struct spawn_fds){.sock = lifeline[1], .board = -1}, &p.child);
        close(lifeline[1]);
        if (r < 0)
            close(lifeline[0]);
    }
    if (r < 0) {
        snprintf(reason, size, "\"cannot start a process: %s\"", strerror(-r));
        return -1;
    }
    bool in_time = wait_for_end(&p);
    spawn_signal(p.child.pid, p.child.pidfd, SIGKILL);
    int status = spawn_reap(p.child.pidfd, NULL);
    close(p.child.pidfd);
    while (listen_to(&p))
        continue;
    kill_tree(spared);
    close(p.child.output);
    close(lifeline[0]);
    return judge(&p, in_time, status, reason, size);
}

int probe_plugins(const struct spawner *s, const struct pid_list *spared, char **plugins,
                  size_t *n_plugins) {
    enum { PROBED = 2, FIRST_GOOD }; // places in argv
    char reason[PROBE_SAYS_BYTES], quoted[PROBE_SAYS_BYTES];
    size_t n = 0, n_args = FIRST_GOOD;
    const char **argv = jd_zalloc((FIRST_GOOD + 2 * *n_plugins + 1) * sizeof *argv);
    if (!argv)
        return JOBD_E_NOMEM;
    argv[0] = s->path;
    argv[1] = "--probe";
    for (size_t i = 0; i < *n_plugins; i++) {
        argv[PROBED] = plugins[i];
        if (probe(s, spared, argv, reason, sizeof reason) == 0) {
            argv[n_args++] = "--plugin"; // the next ones must get along with it
            argv[n_args++] = plugins[i];
            plugins[n++] = plugins[i];
            continue;
        }
        jd_log(JD_LOG_ERROR, "plugin.refused", "path=%s reason=%s",
               jd_log_value(quoted, sizeof quoted, plugins[i]), reason);
        jd_free(plugins[i]);
    }
    *n_plugins = n;
    jd_free(argv);
    return 0;
}
