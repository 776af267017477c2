#include "io/wire.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "check.h"
#include "frame.h"

enum { WIRE_KEEP_BYTES = 512 };

void wire_init(struct wire *w, size_t max_payload, wire_take take, void *owner) {
    *w = (struct wire){.max_payload = max_payload, .take = take, .owner = owner};
    jd_buf_init(&w->partial, JD_FRAME_HEAD_BYTES + JD_FRAME_MAX_BYTES);
}

void wire_free(struct wire *w) {
    jd_buf_free(&w->partial);
}

static int refuse_frame(const struct wire *w, int64_t r, char *why) {
    if (r == JOBD_E_MSGSIZE)
        snprintf(why, WIRE_WHY_MAX, "the frame is larger than the agreed limit of %zu bytes",
                 w->max_payload);
    else
        snprintf(why, WIRE_WHY_MAX, "the frame is empty");
    return (int)r;
}

static int refuse_message(jobd_bytes payload, const struct jd_msg *msg, char *why) {
    size_t at;
    if (jd_check(payload, &at) < 0)
        snprintf(why, WIRE_WHY_MAX, "the message is malformed at byte %zu of %zu", at, payload.len);
    else
        snprintf(why, WIRE_WHY_MAX,
                 "a field of the message (%s) is missing, or of a wrong type or range",
                 jd_op_name(msg->op));
    return JOBD_E_PROTO;
}

// 1 = go on, 0 = the taker wants no more, or an error.
static int deliver(struct wire *w, jobd_bytes payload, char *why) {
    struct jd_msg msg;
    int r = jd_msg_unpack(payload, &msg);
    if (r == JOBD_E_PROTO)
        return refuse_message(payload, &msg, why);
    w->n_frames++;
    return w->take(w->owner, &msg, r);
}

static int keep(struct wire *w, const uint8_t *data, size_t n, char *why) {
    if (jd_buf_append(&w->partial, data, n) == 0)
        return 0;
    snprintf(why, WIRE_WHY_MAX, "no memory for the message");
    return JOBD_E_NOMEM;
}

// Adds to the partial frame what it lacks and delivers it when it is whole. *ret_used = bytes
// taken.
static int complete(struct wire *w, const uint8_t *data, size_t n, size_t *ret_used, char *why) {
    jobd_bytes payload, have = jd_buf_view(&w->partial);
    size_t need;
    int64_t r = jd_frame_next(have.data, have.len, w->max_payload, &payload, &need);
    if (r < 0)
        return refuse_frame(w, r, why);
    JD_ASSERT(r == 0);
    *ret_used = JD_MIN(need - have.len, n);
    if (keep(w, data, *ret_used, why) < 0)
        return JOBD_E_NOMEM;
    have = jd_buf_view(&w->partial);
    r = jd_frame_next(have.data, have.len, w->max_payload, &payload, &need);
    if (r < 0)
        return refuse_frame(w, r, why);
    if (r == 0)
        return 1;
    r = deliver(w, payload, why);
    jd_buf_consume(&w->partial, have.len);
    if (w->partial.cap > WIRE_KEEP_BYTES) // an idle peer costs little
        jd_buf_free(&w->partial);
    return (int)r;
}

int wire_feed(struct wire *w, const void *data, size_t n, char why[WIRE_WHY_MAX]) {
    const uint8_t *p = data;
    while (n > 0) {
        jobd_bytes payload;
        size_t used = 0, need;
        int r;
        if (jd_buf_used(&w->partial) > 0) {
            r = complete(w, p, n, &used, why);
        } else {
            int64_t size = jd_frame_next(p, n, w->max_payload, &payload, &need);
            if (size < 0)
                return refuse_frame(w, size, why);
            if (size == 0)
                return keep(w, p, n, why);
            used = (size_t)size;
            r = deliver(w, payload, why);
        }
        if (r <= 0)
            return r;
        p += used;
        n -= used;
    }
    return 0;
}

int wire_flush(int fd, struct jd_buf *out) {
    jobd_bytes left = jd_buf_view(out);
    if (left.len == 0)
        return 0;
    ssize_t n = send(fd, left.data, left.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 1 : -errno;
    jd_buf_consume(out, (size_t)n);
    return jd_buf_used(out) > 0;
}

int wire_refuse_op(struct jd_buf *out, size_t max_payload, const struct jd_msg *msg) {
    char text[96];
    int n = snprintf(text, sizeof text, "no operation has the number %u in protocol %d.%d", msg->op,
                     JD_PROTO_MAJOR, JD_PROTO_MINOR);
    struct jd_msg reply = {
        .shape = JD_REPLY, .id = msg->id, .error = JOBD_E_NOTSUP, .text = {text, (size_t)n}};
    return jd_msg_pack(out, max_payload, &reply);
}
