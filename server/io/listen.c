#include "io/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/dirs.h"
#include "io/loop.h"
#include "log.h"

enum {
    FDS_KEPT =
        64, // for workers, probes, files: not given to connections; a quarter, if there are few
    ACCEPTS_PER_TURN = 64,
};
#define RESUME_NS (100 * NS_PER_MS) // after the system refused us a descriptor

// ---- the claim to a path ----

static struct sockaddr_un address_of(const char *path) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    memcpy(addr.sun_path, path, strlen(path));
    return addr;
}

// Connects as a client would. 0, and *ret_pid = who listens | -errno.
static int knock(const char *path, pid_t *ret_pid) {
    struct sockaddr_un addr = address_of(path);
    struct ucred who = {0};
    socklen_t len = sizeof who;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int r = connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ? -errno : 0;
    if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
        *ret_pid = who.pid;
    close(fd);
    return r == -EAGAIN ? 0 : r; // its backlog is full: alive
}

static int already_running(const struct claim *c, pid_t pid, struct fault *f) {
    if (pid > 0)
        return fault_set(f, FAULT_RUNNING, "already running on %s, pid %d", c->path, (int)pid);
    return fault_set(f, FAULT_RUNNING, "already running on %s: another jobd holds %s", c->path,
                     c->lock_path);
}

static bool same_file(int fd, const char *path) {
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static int take_lock(struct claim *c, struct fault *f) {
    for (;;) {
        int fd = open(c->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return fault_sys(f, FAULT_CREATE, "cannot make the lock file %s", c->lock_path);
        c->lock = fd;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            pid_t pid = 0;
            knock(c->path, &pid);
            return already_running(c, pid, f);
        }
        if (same_file(fd, c->lock_path))
            return 0;
        close(fd); // its last holder has just removed it
    }
}

// Whatever lies at the path is either somebody's, or a socket that nobody listens on.
static int remove_stale(const struct claim *c, struct fault *f) {
    struct stat st;
    pid_t pid = 0;
    if (lstat(c->path, &st) < 0)
        return errno == ENOENT ? 0 : fault_sys(f, FAULT_CREATE, "cannot look at %s", c->path);
    if (!S_ISSOCK(st.st_mode))
        return fault_set(f, FAULT_CREATE,
                         "%s exists and is not a socket; remove it or choose another", c->path);
    int r = knock(c->path, &pid);
    if (r == 0)
        return already_running(c, pid, f);
    errno = -r;
    if (r != -ECONNREFUSED || unlink(c->path) < 0)
        return fault_sys(f, FAULT_CREATE, "cannot replace the old socket %s", c->path);
    return 0;
}

int claim_take(struct claim *c, const char *path, struct fault *f) {
    char dir[LISTEN_PATH_MAX + 1];
    *c = (struct claim){.lock = -1};
    if (strlen(path) > LISTEN_PATH_MAX)
        return fault_set(f, FAULT_CREATE,
                         "the path of the socket has %zu bytes, the system allows %d: %s",
                         strlen(path), LISTEN_PATH_MAX, path);
    snprintf(c->path, sizeof c->path, "%s", path);
    snprintf(c->lock_path, sizeof c->lock_path, "%s.lock", path);
    snprintf(dir, sizeof dir, "%s", path);
    if (dirs_private(dirname(dir), "the socket", f) < 0)
        return -1;
    if (take_lock(c, f) == 0 && remove_stale(c, f) == 0)
        return 0;
    claim_drop(c);
    return -1;
}

void claim_drop(struct claim *c) {
    if (c->lock < 0)
        return;
    // Removed by its holder only, or somebody else's file would go.
    if (flock(c->lock, LOCK_EX | LOCK_NB) == 0 && same_file(c->lock, c->lock_path))
        unlink(c->lock_path);
    close(c->lock);
    c->lock = -1;
}

// ---- listening ----

static void on_ready(uv_poll_t *handle, int status, int events);

static int bind_private(int fd, const char *path) {
    struct sockaddr_un addr = address_of(path);
    mode_t before = umask(0177);
    int r = bind(fd, (struct sockaddr *)&addr, sizeof addr);
    umask(before);
    return r;
}

int listener_open(struct listener *l, struct loop *loop, const struct claim *c, struct fault *f) {
    struct rlimit fds;
    struct stat st;
    *l = (struct listener){.loop = loop, .path = c->path, .fd = -1};
    getrlimit(RLIMIT_NOFILE, &fds);
    int fds_max = (int)JD_MIN(fds.rlim_cur, (rlim_t)INT32_MAX);
    l->fd_limit = fds_max - JD_MIN(FDS_KEPT, fds_max / 4);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fault_sys(f, FAULT_CREATE, "cannot make a socket");
    if (bind_private(fd, l->path) < 0 || listen(fd, SOMAXCONN) < 0 || stat(l->path, &st) < 0 ||
        uv_poll_init(&loop->uv, &l->poll, fd) < 0) {
        fault_sys(f, FAULT_CREATE, "cannot listen on %s", l->path);
        close(fd);
        return -1;
    }
    l->fd = fd;
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    uv_poll_start(&l->poll, UV_READABLE, on_ready);
    return 0;
}

void listener_close(struct listener *l) {
    struct stat st;
    if (l->fd < 0)
        return;
    if (lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
    uv_close((uv_handle_t *)&l->poll, NULL);
    close(l->fd);
    l->fd = -1;
}

// ---- letting in ----

static void refuse(struct listener *l, int fd, const char *reason) {
    if (l->n_refused++ == 0)
        jd_log(JD_LOG_WARN, "client.refused", "reason=\"%s\"", reason);
    peer_turn_away(fd, JOBD_E_AGAIN, reason);
}

static void end_of_refusals(struct listener *l) {
    if (l->n_refused > 0)
        jd_log(JD_LOG_WARN, "client.refused.end", "count=%llu", (unsigned long long)l->n_refused);
    l->n_refused = 0;
}

static bool allowed(int fd, struct ucred *ret_who) {
    socklen_t len = sizeof *ret_who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_who, &len) == 0 &&
           (ret_who->uid == geteuid() || ret_who->uid == 0);
}

static void admit(struct listener *l, int fd) {
    struct peers *ps = &l->loop->peers;
    struct ucred who = {0};
    if (!allowed(fd, &who)) {
        jd_log(JD_LOG_WARN, "client.denied", "uid=%u pid=%d", (unsigned)who.uid, (int)who.pid);
        peer_turn_away(fd, JOBD_E_PERM, "this daemon serves its own user and root only");
        return;
    }
    if (ps->n_open >= ps->max || fd >= l->fd_limit) {
        snprintf(l->full_text, sizeof l->full_text,
                 "too many connections (limit %u); close some or try again later",
                 ps->n_open >= ps->max ? ps->max : ps->n_open);
        refuse(l, fd, l->full_text);
        return;
    }
    end_of_refusals(l);
    if (peers_accept(ps, fd, who.uid, who.pid) < 0)
        jd_log(JD_LOG_WARN, "client.refused", "reason=\"out of memory\"");
}

// The system has no descriptor or no memory for us: polling on would only spin.
static void hold(struct listener *l, int err) {
    if (l->n_refused++ == 0)
        jd_log(JD_LOG_WARN, "client.waiting", "reason=\"%s\"", strerror(err));
    l->resume_ns = l->loop->now_ns + RESUME_NS;
    uv_poll_stop(&l->poll);
}

static void on_ready(uv_poll_t *handle, int status, int events) {
    struct listener *l = JD_CONTAINER(handle, struct listener, poll);
    (void)status;
    (void)events;
    loop_now(l->loop);
    for (int i = 0; i < ACCEPTS_PER_TURN && l->fd >= 0; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            admit(l, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            hold(l, errno);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void resume(struct listener *l) {
    l->resume_ns = 0;
    uv_poll_start(&l->poll, UV_READABLE, on_ready);
}

void listener_room(struct listener *l) {
    if (l->fd >= 0 && l->resume_ns > 0)
        resume(l);
}

void listener_tick(struct listener *l) {
    if (l->fd >= 0 && l->resume_ns > 0 && l->resume_ns <= l->loop->now_ns)
        resume(l);
}

uint64_t listener_deadline(const struct listener *l) {
    return l->fd >= 0 && l->resume_ns > 0 ? l->resume_ns : UINT64_MAX;
}
