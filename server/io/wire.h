// The bytes of one socket: frames and messages out of what was read, and what waits to be written.
// Nothing here knows a loop; a client's and a worker's end are alike.
#ifndef IO_WIRE_H
#define IO_WIRE_H

#include "msg.h"

enum { WIRE_WHY_MAX = 160 };

// r: 0 | JOBD_E_NOTSUP (unknown op: only shape, id and op are set). msg and its views live for the
// call. False: no more of these bytes.
typedef bool (*wire_take)(void *owner, const struct jd_msg *msg, int r);

struct wire {
    struct jd_buf partial; // the beginning of a frame whose rest has not come; else without memory
    size_t max_payload;    // may change between two frames
    uint64_t n_frames;     // taken so far
    wire_take take;
    void *owner;
};

void wire_init(struct wire *w, size_t max_payload, wire_take take, void *owner);
void wire_free(struct wire *w);

// Takes every whole frame, keeps the rest.
// 0 | JOBD_E_PROTO | JOBD_E_MSGSIZE | JOBD_E_NOMEM: the stream is unusable from here on, and `why`
// says so in a sentence.
JD_MUST_USE int wire_feed(struct wire *w, const void *data, size_t n, char why[WIRE_WHY_MAX]);

// One write without waiting. 1 = some of it is left, 0 = all gone, or -errno: the other end is
// gone.
int wire_flush(int fd, struct jd_buf *out);
// Appends the answer to a request whose op nobody knows. As jd_msg_pack().
JD_MUST_USE int wire_refuse_op(struct jd_buf *out, size_t max_payload, const struct jd_msg *msg);

#endif
