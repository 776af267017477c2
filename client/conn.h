// A connection, from the inside. One struct holds the state; each room below looks after its part:
//
//   connect   socket, HELLO            stream, fds  bytes and descriptors, frames
//   loop      poll, blocking calls     call         requests and replies
//   executor, submit, job              jobs on their way out and back
//   future, callback, ears, completion what the program sees of them
//   map, parallel, serial              loops over many
//   pool, jobs, daemon, watch          questions to the daemon itself
//
// Life. The struct has references: one of the program's until jobd_close(), one for each executor
// and future, one for each public call that is inside. `depth` counts those calls: while it is
// above 0 the parts (buffers, tables) stay where they are, even if a callback closes the
// connection.
//
// Death. jd_conn_fail() is the only way to die: it keeps the first error, ends every request and
// every future, and leaves the descriptor shut down but open, so that its number cannot be given to
// another file while an event loop still watches it.
#ifndef JD_CONN_H
#define JD_CONN_H

#include <jobd/jobd.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "fault.h"
#include "proto.h"
#include "table.h"

struct jd_wait;
struct jd_fd_lot;

struct jobd_conn {
    int fd;
    pid_t pid;                    // the process that opened the connection
    const volatile uint8_t *mark; // 1; a forked child sees 0. NULL = the system cannot do that
    uint32_t n_refs;
    uint32_t depth;       // public calls inside
    uint32_t n_callbacks; // callbacks running, one inside the other
    bool ready;           // the daemon's HELLO came
    bool dead;            // error says why
    bool closing;         // jobd_close() has begun
    bool close_asked;     // jobd_close() inside a callback: begins when that returns
    bool closed;          // jobd_close() is over: the parts go when depth is 0
    bool close_told;      // on_close has been called
    bool silent;          // a forked child is closing: no callbacks, nothing sent
    bool send_blocked;    // the socket took no more at the last try
    int send_errno;       // sending failed; what can still be read is read first

    struct jd_buf in;
    struct jd_buf out;
    uint64_t n_sent_bytes;     // since the start; the first byte of out comes next
    struct jd_fd_lot *fd_lots; // descriptors that go with bytes of out: a queue
    struct jd_fd_lot *fd_lots_end;
    struct jd_buf answer; // rows of the last listing or status
    struct jd_table calls;
    struct jd_table handles;
    struct jd_table executors; // ptr: a struct jd_fault, why the daemon refused to open it

    struct jd_wait *wait; // what the step that runs now is for; NULL outside
    jobd_future *pending; // futures with callbacks that could not run yet: a queue
    jobd_future *pending_end;
    jobd_future *spare; // freed futures, kept for the next submits
    uint32_t n_spare;
    uint64_t n_done; // futures done so far

    size_t max_frame; // asked for, then as agreed
    size_t max_pending_bytes;
    int64_t connect_timeout_ms;
    uint64_t hello_deadline_ns;
    int64_t daemon_pid;
    void *userdata;
    jobd_close_fn on_close;
    void *on_close_arg;
    jobd_happening_fn watch_fn;
    void *watch_arg;
    uint64_t watch_missed; // events that could not be told since the last one that was

    jobd_error error;
    struct jd_fault
        *fault; // the same for futures; reserved at the start, so that death needs no memory
};

// fd is taken, also on error. opts hold values, not defaults. 0 | JOBD_E_NOMEM | JOBD_E_SYS.
JD_MUST_USE int jd_conn_new(int fd, const jobd_conn_options *opts, jobd_conn **ret);
void jd_conn_ref(jobd_conn *c);
void jd_conn_unref(jobd_conn *c);

// Around everything that may run callbacks or read. After leave, c may be gone.
void jd_conn_enter(jobd_conn *c);
void jd_conn_leave(jobd_conn *c);

// Around every callback.
void jd_conn_callback_begin(jobd_conn *c);
void jd_conn_callback_end(jobd_conn *c);
// Calls on_close if the connection is dead and that was not told yet.
void jd_conn_tell_close(jobd_conn *c);

// Dies of this error, unless dead already. Returns the code of the first error.
int jd_conn_fail(jobd_conn *c, int code, const char *format, ...) JD_PRINTF(3, 4);
int jd_conn_fail_errno(jobd_conn *c, int sys_errno, const char *what);

static inline bool jd_conn_forked(const jobd_conn *c) {
    return c->mark ? *c->mark == 0 : !c->closed && getpid() != c->pid;
}

// May a [CONN] call go on? 0 | JOBD_E_INVAL | JOBD_E_FORKED.
static inline int jd_conn_check(const jobd_conn *c) {
    if (!c)
        return JOBD_E_INVAL;
    return jd_conn_forked(c) ? JOBD_E_FORKED : 0;
}

#endif
