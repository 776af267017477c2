/** jobd/uv.h - a jobd connection on a libuv loop. Header-only: libjobd itself never links libuv.
 *
 *      jobd_connect_start(NULL, &options, &conn, &error);
 *      jobd_uv_attach(loop, conn, &a);            // from here on callbacks run from uv_run()
 *      ...
 *      jobd_uv_detach(a, close_it, conn);         // close_it(): jobd_close(conn)
 *
 *  While attached, the adapter calls jobd_conn_process(); the program submits, cancels and adds
 *  callbacks as it likes, on the loop's thread. It keeps the loop alive until it is detached or the
 *  connection dies. Close the connection only in, or after, the callback of jobd_uv_detach().
 */
#ifndef JOBD_UV_H
#define JOBD_UV_H

#include <poll.h>
#include <stdlib.h>
#include <uv.h>

#include <jobd/jobd.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct jobd_uv jobd_uv;

/** The connection died and the adapter has stopped; it still has to be detached. */
typedef void (*jobd_uv_dead_fn)(jobd_uv *a, const jobd_error *why, void *arg);

/** The adapter is gone. */
typedef void (*jobd_uv_done_fn)(void *arg);

static inline void jobd_uv_detach(jobd_uv *a, jobd_uv_done_fn done, void *arg);

struct jobd_uv { /* private */
    jobd_conn *conn;
    uv_poll_t poll;       /* armed with what jobd_conn_events() asks for */
    uv_timer_t timer;     /* jobd_conn_timeout() */
    uv_prepare_t prepare; /* asks both again before the loop sleeps */
    int events;           /* what poll is armed with */
    int n_open;           /* handles whose close callback has not run */
    int stopped;
    jobd_uv_dead_fn dead;
    void *dead_arg;
    jobd_uv_done_fn done;
    void *done_arg;
};

static inline void jobd_uv_stop_(jobd_uv *a) {
    a->stopped = 1;
    uv_poll_stop(&a->poll);
    uv_timer_stop(&a->timer);
    uv_prepare_stop(&a->prepare);
}

/* Lets the connection work, but not for ever: the loop has other handles, too. */
static inline void jobd_uv_drive_(jobd_uv *a) {
    int r = 1;
    for (int turns = 0; turns < 16 && r > 0 && !a->stopped; turns++)
        r = jobd_conn_process(a->conn);
    if (r >= 0 || a->stopped)
        return;
    jobd_error why;
    jobd_uv_stop_(a);
    if (a->dead && jobd_conn_error(a->conn, &why) > 0)
        a->dead(a, &why, a->dead_arg);
}

static inline void jobd_uv_on_poll_(uv_poll_t *poll, int status, int events) {
    (void)status; /* the connection finds out by itself what is wrong */
    (void)events;
    jobd_uv_drive_((jobd_uv *)poll->data);
}

static inline void jobd_uv_on_timer_(uv_timer_t *timer) {
    jobd_uv_drive_((jobd_uv *)timer->data);
}

static inline int jobd_uv_arm_(jobd_uv *a) {
    int wanted = jobd_conn_events(a->conn), events = 0, r = 0;
    if (wanted & POLLIN)
        events |= UV_READABLE;
    if (wanted & POLLOUT)
        events |= UV_WRITABLE;
    if (events != 0 && events != a->events)
        r = uv_poll_start(&a->poll, events, jobd_uv_on_poll_);
    if (r == 0)
        a->events = events;
    return r;
}

static inline void jobd_uv_on_prepare_(uv_prepare_t *prepare) {
    jobd_uv *a = (jobd_uv *)prepare->data;
    int64_t ms = -1;
    int dead = jobd_conn_timeout(a->conn, &ms) < 0;
    /* Bytes of this turn leave now, without another turn to hear that the socket takes them. */
    if (dead || ms == 0 || (jobd_conn_events(a->conn) & POLLOUT))
        jobd_uv_drive_(a);
    if (a->stopped)
        return;
    jobd_uv_arm_(a);
    ms = -1;
    jobd_conn_timeout(a->conn, &ms);
    if (ms >= 0)
        uv_timer_start(&a->timer, jobd_uv_on_timer_, (uint64_t)ms, 0);
    else
        uv_timer_stop(&a->timer);
}

static inline void jobd_uv_on_closed_(uv_handle_t *handle) {
    jobd_uv *a = (jobd_uv *)handle->data;
    if (--a->n_open > 0)
        return;
    jobd_uv_done_fn done = a->done;
    void *arg = a->done_arg;
    free(a);
    if (done)
        done(arg);
}

/** Let a loop drive a connection.
 *  Owns     loop and conn borrowed until the detach is done · *ret owned: jobd_uv_detach().
 *  Returns  0 | JOBD_E_NOMEM | JOBD_E_SYS (libuv cannot poll the connection) | why the connection
 * is dead. Blocks   no.   Thread  [CONN], the loop's.   Since  0.1. */
static inline int jobd_uv_attach(uv_loop_t *loop, jobd_conn *conn, jobd_uv **ret) {
    int fd = jobd_conn_fd(conn);
    if (fd < 0)
        return fd;
    jobd_uv *a = (jobd_uv *)calloc(1, sizeof *a);
    if (!a)
        return JOBD_E_NOMEM;
    a->conn = conn;
    if (uv_poll_init(loop, &a->poll, fd) < 0) { /* the only one of the three that can fail */
        free(a);
        return JOBD_E_SYS;
    }
    uv_timer_init(loop, &a->timer);
    uv_prepare_init(loop, &a->prepare);
    a->poll.data = a->timer.data = a->prepare.data = a;
    a->n_open = 3;
    uv_unref((uv_handle_t *)&a->timer);
    uv_unref((uv_handle_t *)&a->prepare);
    if (jobd_uv_arm_(a) < 0) {
        jobd_uv_detach(a, NULL, NULL);
        return JOBD_E_SYS;
    }
    uv_prepare_start(&a->prepare, jobd_uv_on_prepare_);
    *ret = a;
    return 0;
}

/** Call fn once if the connection dies while it is attached; all its futures are done by then.
 *  Owns     why, in fn, borrowed during the call.
 *  Returns  nothing.   Blocks  no.   Thread  [CONN][CB], the loop's.   Since  0.1. */
static inline void jobd_uv_on_dead(jobd_uv *a, jobd_uv_dead_fn fn, void *arg) {
    a->dead = fn;
    a->dead_arg = arg;
}

/** Stop driving the connection. Once done runs, from the loop, nothing of the adapter is left and
 * the connection may be closed. Owns     a taken; NULL is allowed: then done is not called. Returns
 * nothing.   Blocks  no.   Thread  [CONN][CB], the loop's.   Since  0.1. */
static inline void jobd_uv_detach(jobd_uv *a, jobd_uv_done_fn done, void *arg) {
    if (!a)
        return;
    jobd_uv_stop_(a);
    a->done = done;
    a->done_arg = arg;
    uv_close((uv_handle_t *)&a->poll, jobd_uv_on_closed_);
    uv_close((uv_handle_t *)&a->timer, jobd_uv_on_closed_);
    uv_close((uv_handle_t *)&a->prepare, jobd_uv_on_closed_);
}

#ifdef __cplusplus
}
#endif
#endif
