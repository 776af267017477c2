// A daemon for tests of libjobd: the other end of a socketpair, in the same thread and scripted by
// the test. What the client asks is read frame by frame; what it is to hear is sent before it
// listens. A call that waits is answered in advance: ids and handles are small numbers that a test
// can foresee. What goes wrong in here ends the test.
#ifndef TESTS_FAKE_DAEMON_H
#define TESTS_FAKE_DAEMON_H

#include <jobd/jobd.h>

#include "msg.h"

enum { FAKE_DAEMON_PID = 4242 };

struct fake_daemon {
    int fd;            // -1 = closed
    jobd_conn *conn;   // of fake_daemon_connect(), borrowed
    uint64_t n_jobs;   // accepted by fake_daemon_serve()
    size_t max_frame;  // said in its HELLO
    struct jd_buf in;  // what the client sent
    size_t handed_out; // of it: the message given last
    struct jd_buf out; // what is packed and not sent
};

// Makes both ends; returns the client's.
int fake_daemon_open(struct fake_daemon *d);
void fake_daemon_free(struct fake_daemon *d);
// The daemon dies.
void fake_daemon_hang_up(struct fake_daemon *d);

// A connection that is ready. opts may be NULL.
jobd_conn *fake_daemon_connect(struct fake_daemon *d, const jobd_conn_options *opts);
// Answers the client's HELLO, which must have come.
void fake_daemon_hello(struct fake_daemon *d);
// The bytes of that answer, for a test to send in its own way. A view until the next call.
jobd_bytes fake_daemon_hello_bytes(struct fake_daemon *d);

// The next message of the client; views until the next call. false = nothing more came.
bool fake_daemon_next(struct fake_daemon *d, struct jd_msg *ret);
// The same, which must be this op.
struct jd_msg fake_daemon_expect(struct fake_daemon *d, enum jd_op op);

void fake_daemon_send(struct fake_daemon *d, const struct jd_msg *msg);
void fake_daemon_send_bytes(struct fake_daemon *d, const void *data, size_t n);

// The usual sentences.
void fake_daemon_accept(struct fake_daemon *d, uint32_t request, uint64_t job);
void fake_daemon_refuse(struct fake_daemon *d, uint32_t request, int error, const char *text);
void fake_daemon_running(struct fake_daemon *d, uint64_t handle, uint64_t pid);
void fake_daemon_done(struct fake_daemon *d, uint64_t handle, const char *value);
void fake_daemon_failed(struct fake_daemon *d, uint64_t handle, const char *name, const char *text);
void fake_daemon_cancelled(struct fake_daemon *d, uint64_t handle);
void fake_daemon_cancel_reply(struct fake_daemon *d, uint32_t request, bool cancelled);

// Lets the client work until it has nothing more to do; returns what its last process returned.
int fake_daemon_pump(jobd_conn *conn);
// Accepts all submits that have come, as jobs 1, 2, ..., and says yes to executors.
void fake_daemon_serve(struct fake_daemon *d);
// Submits "task" n times and has all of them accepted. The first future ever has handle 0.
void fake_daemon_submit(struct fake_daemon *d, jobd_executor *ex, jobd_future **fs, size_t n);

#endif
