#include "stream.h"

#include <errno.h>
#include <sys/socket.h>

#include "call.h"
#include "connect.h"
#include "fds.h"
#include "frame.h"
#include "job.h"
#include "watch.h"

int jd_stream_put(jobd_conn *c, const struct jd_msg *msg) {
    int r = jd_msg_pack(&c->out, c->max_frame, msg);
    return r == JOBD_E_MSGSIZE ? JOBD_E_AGAIN : r;
}

int jd_stream_send(jobd_conn *c) {
    int did = 0;
    c->send_blocked = false;
    while (jd_stream_unsent(c) && !c->dead && !c->send_errno && !c->send_blocked) {
        size_t tried;
        ssize_t n = jd_fds_send(c, &tried);
        if (n < 0 && errno == EINTR)
            continue;
        c->send_blocked = n < 0 ? errno == EAGAIN : (size_t)n < tried;
        if (n < 0) {
            c->send_errno = errno == EAGAIN ? 0 : errno;
            break;
        }
        c->n_sent_bytes += (uint64_t)n;
        jd_buf_consume(&c->out, (size_t)n);
        did = 1;
    }
    return did;
}

void jd_stream_send_much(jobd_conn *c) {
    if (jd_buf_used(&c->out) >= JD_STREAM_SEND_BYTES && !c->send_blocked)
        jd_stream_send(c);
}

void jd_stream_say_bye(jobd_conn *c) {
    struct jd_msg bye = {.shape = JD_EVENT, .op = JD_OP_BYE};
    if (!c->dead && c->ready && jd_stream_put(c, &bye) == 0)
        jd_stream_send(c);
}

static void on_bye(jobd_conn *c, const struct jd_bye *bye) {
    int code = bye->code == 0 || bye->code > INT32_MAX ? JOBD_E_CLOSED : -(int)bye->code;
    if (bye->text.len > 0)
        jd_conn_fail(c, code, "%.*s", (int)bye->text.len, (const char *)bye->text.data);
    else
        jd_conn_fail(c, code, "the daemon ended the connection: %s", jobd_strerror(code));
}

static void on_event(jobd_conn *c, const struct jd_msg *msg) {
    switch (msg->op) {
    case JD_OP_JOB_DONE:
        jd_job_on_done(c, &msg->u.job_done);
        break;
    case JD_OP_JOB_STATE:
        jd_job_on_state(c, &msg->u.job_state);
        break;
    case JD_OP_JOB_LOG:
        jd_job_on_log(c, &msg->u.job_log);
        break;
    case JD_OP_JOB_OUTPUT:
        jd_job_on_output(c, &msg->u.job_output);
        break;
    case JD_OP_HAPPENED:
        jd_watch_on_happened(c, &msg->u.happened);
        break;
    case JD_OP_BYE:
        on_bye(c, &msg->u.bye);
        break;
    default: // meant for others
        break;
    }
}

// No daemon asks a client anything yet; a later one learns that this client cannot answer.
static void on_request(jobd_conn *c, const struct jd_msg *msg) {
    struct jd_msg reply = {.shape = JD_REPLY, .op = msg->op, .id = msg->id};
    reply.error = JOBD_E_NOTSUP;
    reply.text = jd_text("a client answers no requests");
    if (jd_stream_put(c, &reply) < 0)
        jd_conn_fail(c, JOBD_E_NOMEM, "no memory to answer the daemon");
}

static void on_frame(jobd_conn *c, jobd_bytes payload) {
    struct jd_msg msg;
    int r = jd_msg_unpack(payload, &msg);
    if (r < 0 && r != JOBD_E_NOTSUP) {
        jd_conn_fail(c, JOBD_E_PROTO, "the daemon sent a malformed message");
        return;
    }
    bool bye = r == 0 && msg.shape == JD_EVENT && msg.op == JD_OP_BYE;
    if (!c->ready && !bye)
        jd_connect_on_first(c, &msg);
    else if (msg.shape == JD_REPLY)
        jd_calls_on_reply(c, &msg);
    else if (msg.shape == JD_REQUEST)
        on_request(c, &msg);
    else if (r == 0)
        on_event(c, &msg);
}

static void read_frames(jobd_conn *c) {
    while (!c->dead) {
        jobd_bytes view = jd_buf_view(&c->in), payload;
        size_t limit = c->ready ? c->max_frame : (size_t)JD_HELLO_MAX_BYTES, need;
        int64_t size = jd_frame_next(view.data, view.len, limit, &payload, &need);
        if (size == 0)
            return;
        if (size < 0) {
            jd_conn_fail(c, JOBD_E_PROTO, "the daemon sent a frame of a length not allowed");
            return;
        }
        on_frame(c, payload);
        jd_buf_consume(&c->in, (size_t)size);
    }
}

static int on_end(jobd_conn *c, int sys_errno) {
    if (sys_errno != 0 && sys_errno != ECONNRESET && sys_errno != EPIPE)
        return jd_conn_fail_errno(c, sys_errno, "lost the connection to the daemon");
    if (!c->ready)
        return jd_conn_fail(c, JOBD_E_CLOSED, "the daemon closed the connection before its HELLO");
    return jd_conn_fail(c, JOBD_E_CLOSED, "the daemon closed the connection or died");
}

int jd_stream_receive(jobd_conn *c) {
    uint8_t *at = jd_buf_reserve(&c->in, JD_STREAM_READ_BYTES);
    if (!at)
        return jd_conn_fail(c, JOBD_E_NOMEM, "no memory to read what the daemon sent");
    ssize_t n;
    do {
        n = recv(c->fd, at, JD_STREAM_READ_BYTES, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return c->send_errno ? on_end(c, c->send_errno) : 0;
    if (n <= 0)
        return on_end(c, n < 0 ? errno : 0);
    jd_buf_commit(&c->in, (size_t)n);
    read_frames(c);
    return c->dead ? c->error.code : 1;
}
