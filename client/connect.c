#include "connect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "loop.h"
#include "options.h"
#include "stream.h"

enum {
    CONNECT_TIMEOUT_MS = 5000,
    PENDING_BYTES = 4 * 1024 * 1024,
    PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
};

int jobd_default_address(char *ret_path, size_t size) {
    const char *socket_path = secure_getenv("JOBD_SOCKET");
    const char *runtime_dir = secure_getenv("XDG_RUNTIME_DIR");
    char path[PATH_MAX_BYTES + 1];
    int n;
    if (socket_path && *socket_path)
        n = snprintf(path, sizeof path, "%s", socket_path);
    else if (runtime_dir && *runtime_dir)
        n = snprintf(path, sizeof path, "%s/jobd/sock", runtime_dir);
    else
        n = snprintf(path, sizeof path, "/run/jobd/sock");
    if (!ret_path || n < 0 || n > PATH_MAX_BYTES || (size_t)n >= size)
        return JOBD_E_INVAL;
    memcpy(ret_path, path, (size_t)n + 1);
    return 0;
}

// Copies the options, checks them and puts the defaults in.
static int take_options(jobd_conn_options *o, const jobd_conn_options *opts, jobd_error *reterr) {
    *o = (jobd_conn_options){.struct_size = sizeof *o};
    int r = jd_options_copy(o, sizeof *o, opts);
    if (r == JOBD_E_VERSION)
        return jd_error_set(reterr, r,
                            "the program sets a connection option that libjobd %s does "
                            "not have",
                            jobd_version_string());
    if (r < 0)
        return jd_error_set(reterr, r,
                            "the connection options have no struct_size: use JOBD_OPTIONS");
    if (o->client_name && !jd_name_ok(jd_text(o->client_name), JD_NAME_MAX))
        return jd_error_set(reterr, JOBD_E_INVAL,
                            "client_name must be 1 to %d bytes of [A-Za-z0-9._:/-]", JD_NAME_MAX);
    if (o->max_frame == 0)
        o->max_frame = JD_FRAME_DEFAULT_BYTES;
    if (o->max_frame < JD_FRAME_MIN_BYTES || o->max_frame > JD_FRAME_MAX_BYTES)
        return jd_error_set(reterr, JOBD_E_INVAL, "max_frame must be %d to %d bytes",
                            JD_FRAME_MIN_BYTES, JD_FRAME_MAX_BYTES);
    if (o->connect_timeout_ms == 0)
        o->connect_timeout_ms = CONNECT_TIMEOUT_MS;
    if (o->max_pending_bytes == 0)
        o->max_pending_bytes = PENDING_BYTES;
    return 0;
}

// The program's own name, as far as it is one.
static jobd_bytes program_name(char *name) {
    const char *from = program_invocation_short_name;
    size_t n = 0;
    for (; from[n] && n < JD_NAME_MAX; n++)
        name[n] = jd_name_ok((jobd_bytes){from + n, 1}, 1) ? from[n] : '_';
    return n ? (jobd_bytes){name, n} : jd_text("client");
}

static int say_hello(jobd_conn *c, const char *client_name) {
    char own_name[JD_NAME_MAX];
    struct jd_msg hello = {.shape = JD_REQUEST, .op = JD_OP_HELLO};
    hello.u.hello = (struct jd_hello){
        .major = JD_PROTO_MAJOR,
        .minor = JD_PROTO_MINOR,
        .role = JD_ROLE_CLIENT,
        .name = client_name ? jd_text(client_name) : program_name(own_name),
        .pid = (uint64_t)c->pid,
        .max_frame = c->max_frame,
    };
    return jd_stream_put(c, &hello);
}

static void on_hello(jobd_conn *c, const struct jd_hello_ok *hello) {
    if (hello->major != JD_PROTO_MAJOR) {
        jd_conn_fail(
            c, JOBD_E_VERSION,
            "the daemon speaks protocol %u, libjobd %s speaks %d: install the same version "
            "of both",
            (unsigned)hello->major, jobd_version_string(), JD_PROTO_MAJOR);
        return;
    }
    if (hello->max_frame < JD_FRAME_MIN_BYTES) {
        jd_conn_fail(c, JOBD_E_PROTO, "the daemon takes only frames of %u bytes, %d is the least",
                     (unsigned)hello->max_frame, JD_FRAME_MIN_BYTES);
        return;
    }
    c->max_frame = JD_MIN(c->max_frame, (size_t)hello->max_frame);
    c->daemon_pid = (int64_t)hello->pid;
    c->hello_deadline_ns = JD_NEVER_NS;
    c->ready = true;
}

void jd_connect_on_first(jobd_conn *c, struct jd_msg *msg) {
    msg->op = JD_OP_HELLO;
    if (msg->shape != JD_REPLY || msg->id != 0)
        jd_conn_fail(c, JOBD_E_PROTO, "the daemon did not begin with its HELLO");
    else if (msg->error && msg->text.len > 0)
        jd_conn_fail(c, msg->error, "%.*s", (int)msg->text.len, (const char *)msg->text.data);
    else if (msg->error)
        jd_conn_fail(c, msg->error, "the daemon refused: %s", jobd_strerror(msg->error));
    else if (jd_msg_unpack_reply(msg) < 0)
        jd_conn_fail(c, JOBD_E_PROTO, "the daemon's HELLO is malformed");
    else
        on_hello(c, &msg->u.hello_ok);
}

void jd_connect_check_time(jobd_conn *c) {
    if (c->ready || c->dead || !jd_clock_passed(c->hello_deadline_ns))
        return;
    jd_conn_fail(c, JOBD_E_TIMEOUT, "the daemon did not answer within %lld ms",
                 (long long)c->connect_timeout_ms);
}

static int report_connect(jobd_error *reterr, int sys_errno, const char *path, bool is_default) {
    char what[160];
    switch (sys_errno) {
    case ECONNREFUSED:
    case ENOENT:
    case ENOTDIR:
        if (is_default)
            return jd_error_set(reterr, JOBD_E_REFUSED,
                                "no daemon listens at %s; start one with: jobd", path);
        return jd_error_set(reterr, JOBD_E_REFUSED,
                            "no daemon listens at %s; start one with: jobd --socket %s", path,
                            path);
    case EACCES:
    case EPERM:
        return jd_error_set(reterr, JOBD_E_PERM,
                            "no permission to connect to %s: ask its owner for access", path);
    case EAGAIN:
        return jd_error_set(reterr, JOBD_E_AGAIN,
                            "too many connections wait for the daemon at %s; try again", path);
    default:
        snprintf(what, sizeof what, "cannot connect to %s", path);
        return jd_error_set_errno(reterr, sys_errno, what);
    }
}

// Waits at most wait_ms for a place in the daemon's backlog; 0 = not at all. Returns 0 | errno.
static int connect_socket(int fd, const char *path, int64_t wait_ms) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval none = {0}, wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    memcpy(to.sun_path, path, strlen(path));
    if (wait_ms > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (wait_ms == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return errno;
    int r;
    do {
        r = connect(fd, (const struct sockaddr *)&to, sizeof to);
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno;
    if (wait_ms > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
    return 0;
}

// A connected socket, or an error code.
static int open_socket(const char *path, bool is_default, int64_t wait_ms, jobd_error *reterr) {
    if (strlen(path) == 0 || strlen(path) > PATH_MAX_BYTES)
        return jd_error_set(reterr, JOBD_E_INVAL,
                            "the path of a socket has 1 to %d bytes; this one has %zu",
                            PATH_MAX_BYTES, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return jd_error_set_errno(reterr, errno, "cannot make a socket");
    int sys_errno = connect_socket(fd, path, wait_ms);
    if (sys_errno == 0)
        return fd;
    close(fd);
    return report_connect(reterr, sys_errno, path, is_default);
}

// From a connected socket to a connection with HELLO on its way.
static int start(int fd, const jobd_conn_options *o, jobd_conn **ret_conn, jobd_error *reterr) {
    jobd_conn *c;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        int sys_errno = errno;
        close(fd);
        return jd_error_set_errno(reterr, sys_errno, "cannot set up the socket");
    }
    int r = jd_conn_new(fd, o, &c);
    if (r < 0)
        return jd_error_set(reterr, r, "%s", jobd_strerror(r));
    r = say_hello(c, o->client_name);
    if (r < 0) {
        c->on_close = NULL; // the program never had this connection
        jobd_close(c);
        return jd_error_set(reterr, r, "%s", jobd_strerror(r));
    }
    jd_stream_send(c);
    *ret_conn = c;
    return 0;
}

static int connect_path(const char *address, const jobd_conn_options *o, int64_t wait_ms,
                        jobd_conn **ret_conn, jobd_error *reterr) {
    char path[PATH_MAX_BYTES + 1];
    bool is_default = !address;
    if (!ret_conn)
        return jd_error_set(reterr, JOBD_E_INVAL, "there is nowhere to put the connection");
    if (is_default && jobd_default_address(path, sizeof path) < 0)
        return jd_error_set(
            reterr, JOBD_E_INVAL,
            "the path that $JOBD_SOCKET or $XDG_RUNTIME_DIR makes has over %d bytes",
            PATH_MAX_BYTES);
    int fd = open_socket(is_default ? path : address, is_default, wait_ms, reterr);
    return fd < 0 ? fd : start(fd, o, ret_conn, reterr);
}

int jobd_connect_start(const char *address, const jobd_conn_options *opts, jobd_conn **ret_conn,
                       jobd_error *reterr) {
    jobd_conn_options o;
    int r = take_options(&o, opts, reterr);
    return r < 0 ? r : connect_path(address, &o, 0, ret_conn, reterr);
}

int jobd_connect_fd(int fd, const jobd_conn_options *opts, jobd_conn **ret_conn,
                    jobd_error *reterr) {
    jobd_conn_options o;
    int type = 0, r = take_options(&o, opts, reterr);
    socklen_t n = sizeof type;
    bool stream = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM;
    if (r == 0 && (!stream || !ret_conn))
        r = jd_error_set(reterr, JOBD_E_INVAL, "fd %d is not a stream socket", fd);
    if (r == 0)
        return start(fd, &o, ret_conn, reterr);
    if (fd >= 0)
        close(fd);
    return r;
}

static bool is_ready(const struct jd_wait *w) {
    return ((const jobd_conn *)w->subject)->ready;
}

int jobd_connect(const char *address, const jobd_conn_options *opts, jobd_conn **ret_conn,
                 jobd_error *reterr) {
    jobd_conn_options o;
    jobd_conn *c;
    int r = take_options(&o, opts, reterr);
    if (r == 0)
        r = connect_path(address, &o, o.connect_timeout_ms, ret_conn ? &c : NULL, reterr);
    if (r < 0)
        return r;
    struct jd_wait hello = {.met = is_ready, .subject = c};
    r = jd_loop_wait(c, &hello, JD_NEVER_NS); // the HELLO deadline of the connection is the limit
    if (r < 0) {
        jobd_conn_error(c, reterr ? reterr : &(jobd_error){0});
        c->on_close = NULL;
        jobd_close(c);
        return r;
    }
    *ret_conn = c;
    return 0;
}
