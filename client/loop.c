#include "loop.h"

#include <errno.h>
#include <poll.h>

#include "callback.h"
#include "connect.h"
#include "stream.h"

int jobd_conn_fd(const jobd_conn *conn) {
    int r = jd_conn_check(conn);
    if (r < 0)
        return r;
    return conn->dead ? JOBD_E_CLOSED : conn->fd;
}

int jobd_conn_events(const jobd_conn *conn) {
    if (jd_conn_check(conn) < 0 || conn->dead)
        return 0;
    return jd_stream_unsent(conn) ? POLLIN | POLLOUT : POLLIN;
}

int jobd_conn_timeout(const jobd_conn *conn, int64_t *ret_ms) {
    int r = jobd_conn_ready(conn);
    if (r < 0)
        return r;
    int64_t ms = -1;
    if (conn->hello_deadline_ns != JD_NEVER_NS) {
        uint64_t now_ns = jd_clock_ns(), end_ns = conn->hello_deadline_ns;
        ms = end_ns <= now_ns ? 0 : (int64_t)((end_ns - now_ns + JD_MS_NS - 1) / JD_MS_NS);
    }
    *ret_ms = conn->pending || conn->send_errno ? 0 : ms;
    return 0;
}

int jobd_conn_process(jobd_conn *conn) {
    int r = jd_conn_check(conn);
    if (r < 0)
        return r;
    if (conn->n_callbacks > 0)
        return JOBD_E_DEADLK;
    struct jd_wait all = {.all = true};
    jd_conn_enter(conn);
    conn->wait = &all;
    int did = jd_pending_run(conn);
    did |= jd_stream_send(conn);
    if (!conn->dead)
        did |= jd_stream_receive(conn) > 0;
    jd_connect_check_time(conn);
    jd_conn_tell_close(conn);
    conn->wait = NULL;
    r = conn->dead ? conn->error.code : did;
    jd_conn_leave(conn);
    return r;
}

// Sleeps until the socket is ready or the deadline has passed.
// Returns the poll events | 0 none | -errno.
static int sleep_until(const jobd_conn *c, uint64_t deadline_ns) {
    struct pollfd p = {.fd = c->fd, .events = (short)jobd_conn_events(c)};
    struct timespec t = {0};
    deadline_ns = JD_MIN(deadline_ns, c->hello_deadline_ns);
    if (c->send_errno) // nothing more can be sent: take what is there, do not wait for more
        deadline_ns = 0;
    if (deadline_ns != JD_NEVER_NS && deadline_ns != 0) {
        uint64_t now_ns = jd_clock_ns(), left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        t.tv_sec = (time_t)(left_ns / 1000000000);
        t.tv_nsec = (long)(left_ns % 1000000000);
    }
    int r = ppoll(&p, 1, deadline_ns == JD_NEVER_NS ? NULL : &t, NULL);
    return r < 0 ? -errno : p.revents;
}

// One turn of a blocking call. 0 = go on | JOBD_E_TIMEOUT after a last look | dead.
static int turn(jobd_conn *c, const struct jd_wait *w, uint64_t deadline_ns) {
    if (jd_conn_forked(c)) // a callback did it, and the child came back here
        return JOBD_E_FORKED;
    if (c->dead)
        return c->error.code;
    bool last = jd_clock_passed(deadline_ns);
    jd_stream_send(c);
    if (w->met(w)) // to have sent may be all that was asked for
        return 0;
    int events = sleep_until(c, last ? 0 : deadline_ns);
    if (events < 0 && events != -EINTR)
        return jd_conn_fail_errno(c, -events, "cannot wait for the daemon");
    if ((events > 0 && events != POLLOUT) || c->send_errno)
        jd_stream_receive(c);
    jd_connect_check_time(c);
    return last ? JOBD_E_TIMEOUT : 0;
}

int jd_loop_wait(jobd_conn *c, struct jd_wait *w, uint64_t deadline_ns) {
    int r = 0;
    if (jd_conn_forked(c))
        return JOBD_E_FORKED;
    if (c->n_callbacks > 0)
        return JOBD_E_DEADLK;
    jd_conn_enter(c);
    c->wait = w;
    while (!w->met(w) && r == 0)
        r = turn(c, w, deadline_ns);
    if (w->met(w))
        r = 0;
    c->wait = NULL;
    jd_conn_leave(c);
    return r;
}

int jobd_conn_wait(jobd_conn *conn, int64_t timeout_ms) {
    uint64_t deadline_ns = jd_clock_deadline_ns(timeout_ms);
    for (;;) {
        bool last = jd_clock_passed(deadline_ns);
        int r = jobd_conn_process(conn);
        if (r != 0 || last)
            return r;
        sleep_until(conn, deadline_ns);
    }
}

static bool is_flushed(const struct jd_wait *w) {
    const jobd_conn *c = w->subject;
    return !c->dead && !jd_stream_unsent(c);
}

int jobd_conn_flush(jobd_conn *conn, int64_t timeout_ms) {
    int r = jd_conn_check(conn);
    if (r < 0)
        return r;
    if (conn->dead)
        return conn->error.code;
    struct jd_wait w = {.met = is_flushed, .subject = conn};
    return jd_loop_wait(conn, &w, jd_clock_deadline_ns(timeout_ms));
}
