// A client without manners: bytes of the test's choice on the daemon's socket, and frames back.
#ifndef TESTS_RAW_PEER_H
#define TESTS_RAW_PEER_H

#include <sys/types.h>

#include "msg.h"

struct raw_peer {
    int fd; // -1 = closed
    uint32_t last_id;
    struct jd_buf in;
    size_t handed_out; // of it: the message given last
    struct jd_buf out; // what is packed and not sent
};

// 0 | an errno; then p is closed.
int raw_try_connect(struct raw_peer *p, const char *socket);
void raw_connect(struct raw_peer *p, const char *socket);
// Connects and exchanges HELLO.
void raw_open(struct raw_peer *p, const char *socket);
void raw_close(struct raw_peer *p);

// ---- out ----

// Sends all of it, however long it takes; false: the daemon has hung up.
bool raw_send_bytes(struct raw_peer *p, const void *data, size_t n);
// Sends what fits without waiting: bytes sent; -1 = the daemon has hung up.
ssize_t raw_try_send(struct raw_peer *p, const void *data, size_t n);
// A frame around a payload of any bytes, with the length it has, or with another.
bool raw_send_payload(struct raw_peer *p, const void *payload, size_t n);
bool raw_send_head(struct raw_peer *p, uint32_t length);
// Appends one message to p->out; raw_flush() sends them all.
void raw_pack(struct raw_peer *p, const struct jd_msg *msg);
bool raw_flush(struct raw_peer *p);
bool raw_send(struct raw_peer *p, const struct jd_msg *msg);

// The same for bytes that descriptors go with; they stay the caller's. False: the daemon has hung up.
bool raw_send_with_fds(struct raw_peer *p, jobd_bytes bytes, const int *fds, size_t n_fds);

struct jd_msg raw_hello(void); // a correct one, with the largest max_frame
struct jd_msg raw_request(struct raw_peer *p, enum jd_op op); // with a fresh id and an empty body
// A submit on executor 0 with this handle.
struct jd_msg raw_submit(struct raw_peer *p, uint64_t handle, const char *task, jobd_bytes args);
void raw_pack_executor(struct raw_peer *p); // the wish to open executor 0
bool raw_open_executor(struct raw_peer *p); // sends it; true: the daemon agrees

// ---- in ----

// Waits for the next message; views until the next call. false: the daemon has hung up.
bool raw_next(struct raw_peer *p, struct jd_msg *ret);
// The next message is the reply to this request; with error 0 its result is unpacked.
struct jd_msg raw_expect_reply(struct raw_peer *p, const struct jd_msg *request, int error);
struct jd_msg raw_expect_event(struct raw_peer *p, enum jd_op op);
// Whatever comes before it, then `bye` with this error, then the end.
void raw_expect_bye(struct raw_peer *p, int error);
void raw_expect_end(struct raw_peer *p);
// There and back: the connection lives.
void raw_ping(struct raw_peer *p);

#endif
