// The socket to the master: a byte stream of frames in, a byte stream of frames out. Everything
// that goes out counts on the board: out_tail is the stream's length so far. Small frames wait in
// the board's ring until link_flush(), where the master finds them should this process die; frames
// over JD_DIRECT_BYTES are written at once and counted when the last byte was taken.
//
// The result of every call that can fail: 0 or positive | JOBD_E_CLOSED (the master is gone, or
// wants no more) | JOBD_E_PROTO, JOBD_E_MSGSIZE (bytes that no master sends) | JOBD_E_SYS |
// JOBD_E_NOMEM.
#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include "board.h"
#include "msg.h"

enum {
    LINK_IN_BYTES = 65536,      // read at a time; more only for one larger frame
    LINK_FLUSH_BYTES = 32768,   // results waiting in the ring at which they are written
    LINK_FLUSH_AGE_NS = 200000, // age of the oldest at which they are written
};

struct link {
    int fd;
    int sys_errno; // of the call that failed
    struct jd_board *board;
    size_t max_frame;   // payload bytes
    struct jd_buf in;   // bytes received
    size_t handed_out;  // of them, from in.pos: messages given by link_next()
    size_t want;        // bytes of the frame that is not whole yet, from there
    struct jd_buf out;  // the frame being packed
    uint64_t sent;      // stream bytes the socket has taken
    uint64_t tail;      // stream bytes altogether; [sent, tail) is in the ring
    uint64_t oldest_ns; // when the first of them came; meaningless while there are none
};

// fd: the socket, borrowed: it stays open to the end of the process, for the lifeline waits on it
// too. board_fd: mapped and closed.
int link_open(struct link *l, int fd, int board_fd, size_t max_frame, jobd_error *reterr);
void link_close(struct link *l);
// The sentence for an error of the link. Returns r.
int link_explain(const struct link *l, int r, jobd_error *reterr);

// The next whole message that was received: 1, and views in *ret until link_release() | 0 = none.
int link_next(struct link *l, struct jd_msg *ret);
// The messages handed out are done with.
void link_release(struct link *l);
// The messages handed out stay valid for as long as *held, which must be empty and is owned by the
// caller then; the link goes on with another buffer.
int link_hold(struct link *l, struct jd_buf *held);
// All messages handed out since the last release come again.
static inline void link_put_back(struct link *l) {
    l->handed_out = 0;
}
// Waits until there may be more bytes, or bell_fd (-1 = none) can be read, at most timeout_ms (-1 =
// forever). 1 | 0 = the time is over.
int link_wait(struct link *l, int bell_fd, int timeout_ms);
// Waits for more bytes. Nothing may be handed out.
int link_fill(struct link *l);
// The same without waiting: 1 = some came | 0 = there are none.
int link_fill_now(struct link *l);

int link_send(struct link *l, const struct jd_msg *msg, uint64_t now_ns);
int link_flush(struct link *l);
// At a job boundary: flush if the oldest waiting result has become too old.
static inline int link_flush_old(struct link *l, uint64_t now_ns) {
    bool old = l->tail != l->sent && now_ns - l->oldest_ns >= LINK_FLUSH_AGE_NS;
    return old ? link_flush(l) : 0;
}

#endif
