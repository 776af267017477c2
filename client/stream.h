// Bytes: what is sent to the daemon, what comes from it, and the frames in it. What comes is
// untrusted: frame, check and unpack first, and whatever breaks the protocol ends the connection.
#ifndef JD_STREAM_H
#define JD_STREAM_H

#include "conn.h"
#include "msg.h"

enum {
    JD_STREAM_READ_BYTES = 64 * 1024, // one read
    JD_STREAM_SEND_BYTES = 32 * 1024, // as much waits before a submit sends by itself
};

// Appends a frame. 0 | JOBD_E_NOMEM | JOBD_E_AGAIN (no room).
JD_MUST_USE int jd_stream_put(jobd_conn *c, const struct jd_msg *msg);

// Sends what waits, as far as the socket takes it. A failure shows at the next receive, after what
// the daemon may have said last. Returns 1 something was sent | 0.
int jd_stream_send(jobd_conn *c);

// What has gathered leaves when it is worth a system call.
void jd_stream_send_much(jobd_conn *c);

// One read, and all whole frames that are there then.
// Returns 1 something came | 0 nothing | the code of the error that ended the connection.
int jd_stream_receive(jobd_conn *c);

// Says goodbye, if that is possible at once.
void jd_stream_say_bye(jobd_conn *c);

static inline bool jd_stream_unsent(const jobd_conn *c) {
    return jd_buf_used(&c->out) > 0;
}

#endif
