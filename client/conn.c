#include "conn.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "call.h"
#include "callback.h"
#include "executor.h"
#include "fds.h"
#include "frame.h"
#include "future.h"
#include "loop.h"
#include "mem.h"
#include "stream.h"

enum { REQUESTS_BYTES = (JD_HANDLE_MAX + 1) * 24 };

// A page that the kernel hands to a forked child as zeros: asking costs one load and no system
// call.
static const volatile uint8_t *map_fork_mark(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *mark = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mark == MAP_FAILED)
        return NULL;
    if (madvise(mark, page, MADV_WIPEONFORK) < 0) {
        munmap(mark, page);
        return NULL;
    }
    *mark = 1;
    return mark;
}

static void unmap_fork_mark(jobd_conn *c) {
    if (c->mark)
        munmap((void *)(uintptr_t)c->mark, (size_t)sysconf(_SC_PAGESIZE));
    c->mark = NULL;
}

int jd_conn_new(int fd, const jobd_conn_options *opts, jobd_conn **ret) {
    jobd_conn *c = jd_zalloc(sizeof *c);
    struct jd_fault *fault = jd_fault_reserve();
    if (!c || !fault) {
        jd_free(c);
        jd_fault_unref(fault);
        close(fd);
        return JOBD_E_NOMEM;
    }
    *c = (jobd_conn){
        .fd = fd,
        .pid = getpid(),
        .mark = map_fork_mark(),
        .n_refs = 1,
        .fault = fault,
        .max_frame = opts->max_frame,
        .max_pending_bytes = opts->max_pending_bytes,
        .connect_timeout_ms = opts->connect_timeout_ms,
        .hello_deadline_ns = jd_clock_deadline_ns(opts->connect_timeout_ms),
        .on_close = opts->on_close,
        .on_close_arg = opts->on_close_arg,
    };
    jd_buf_init(&c->in, JD_FRAME_HEAD_BYTES + opts->max_frame + JD_STREAM_READ_BYTES);
    // Submits stop at max_pending_bytes; one frame and a small request for each job, as a shutdown
    // makes them, have room beyond.
    jd_buf_init(&c->out, opts->max_pending_bytes + 2 * opts->max_frame + REQUESTS_BYTES);
    jd_buf_init(&c->answer, opts->max_frame);
    jd_table_init(&c->calls, UINT32_MAX - 1);
    jd_table_init(&c->handles, JD_HANDLE_MAX + 1);
    jd_table_init(&c->executors, JD_EXECUTORS_MAX);
    *ret = c;
    return 0;
}

static void free_parts(jobd_conn *c) {
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    unmap_fork_mark(c);
    jd_buf_free(&c->in);
    jd_buf_free(&c->out);
    jd_fds_drop(c);
    jd_buf_free(&c->answer);
    jd_table_free_all(&c->calls);
    jd_table_free_all(&c->handles);
    jd_executors_free_all(c);
    jd_future_free_spares(c);
}

void jd_conn_ref(jobd_conn *c) {
    c->n_refs++;
}

void jd_conn_unref(jobd_conn *c) {
    if (--c->n_refs > 0)
        return;
    jd_fault_unref(c->fault);
    jd_free(c);
}

void jd_conn_enter(jobd_conn *c) {
    jd_conn_ref(c);
    c->depth++;
}

void jd_conn_leave(jobd_conn *c) {
    JD_ASSERT(c->depth > 0);
    if (--c->depth == 0 && c->closed)
        free_parts(c);
    jd_conn_unref(c);
}

// Ends everything that still waits. The tables do not grow meanwhile: the connection is dead
// already.
static void end_all(jobd_conn *c) {
    jd_fault_fill(c->fault, c->error.message);
    jd_calls_end(c);
    for (uint32_t i = 0; i < c->handles.n_fresh; i++) {
        struct jd_entry *entry = jd_table_find(&c->handles, i);
        if (entry)
            jd_future_lose(entry->ptr);
    }
    c->out.pos = c->out.len = 0;
    jd_fds_drop(c);
}

static int die(jobd_conn *c, const jobd_error *why) {
    if (c->dead)
        return c->error.code;
    c->dead = true;
    c->error = *why;
    if (!c->silent) // the open socket is the parent's, too
        shutdown(c->fd, SHUT_RDWR);
    end_all(c);
    return c->error.code;
}

int jd_conn_fail(jobd_conn *c, int code, const char *format, ...) {
    jobd_error why;
    va_list args;
    va_start(args, format);
    jd_error_set_args(&why, code, format, args);
    va_end(args);
    return die(c, &why);
}

int jd_conn_fail_errno(jobd_conn *c, int sys_errno, const char *what) {
    jobd_error why;
    jd_error_set_errno(&why, sys_errno, what);
    return die(c, &why);
}

void jd_conn_tell_close(jobd_conn *c) {
    if (!c->dead || c->close_told)
        return;
    c->close_told = true;
    if (!c->on_close || c->silent)
        return;
    jd_conn_callback_begin(c);
    c->on_close(c, &c->error, c->on_close_arg);
    jd_conn_callback_end(c);
}

static void close_now(jobd_conn *c) {
    struct jd_wait all = {.all = true};
    jd_conn_enter(c);
    c->closing = true;
    c->silent = jd_conn_forked(c);
    if (!c->wait)
        c->wait = &all;
    c->wait->all = true; // a call that waits outside this callback will find everything done
    if (c->silent) {
        jd_conn_fail(c, JOBD_E_FORKED, "the connection was opened before fork()");
    } else {
        jd_stream_say_bye(c);
        jd_conn_fail(c, JOBD_E_CLOSED, "this program closed the connection");
    }
    jd_pending_run(c);
    jd_conn_tell_close(c);
    c->closed = true;
    if (c->wait == &all)
        c->wait = NULL;
    jd_conn_unref(c); // the program's
    jd_conn_leave(c);
}

void jd_conn_callback_begin(jobd_conn *c) {
    jd_conn_enter(c);
    c->n_callbacks++;
}

void jd_conn_callback_end(jobd_conn *c) {
    if (--c->n_callbacks == 0 && c->close_asked) {
        c->close_asked = false;
        close_now(c);
    }
    jd_conn_leave(c);
}

void jobd_close(jobd_conn *conn) {
    if (!conn || conn->closing)
        return;
    if (conn->n_callbacks > 0)
        conn->close_asked = true;
    else
        close_now(conn);
}

int jobd_conn_ready(const jobd_conn *conn) {
    int r = jd_conn_check(conn);
    if (r < 0)
        return r;
    return conn->dead ? conn->error.code : conn->ready;
}

int jobd_conn_error(const jobd_conn *conn, jobd_error *ret) {
    if (jd_conn_forked(conn)) {
        jd_error_set(ret, JOBD_E_FORKED, "the connection was opened before fork()");
        return 1;
    }
    if (!conn->dead)
        return 0;
    *ret = conn->error;
    return 1;
}

int64_t jobd_conn_daemon_pid(const jobd_conn *conn) {
    return conn->daemon_pid;
}

size_t jobd_conn_max_payload(const jobd_conn *conn) {
    // Until the daemon has answered, only the least that every daemon takes is sure to fit.
    return (conn->ready ? conn->max_frame : (size_t)JD_FRAME_MIN_BYTES) - JD_ENVELOPE_BYTES;
}

void *jobd_conn_userdata(const jobd_conn *conn) {
    return conn->userdata;
}

void jobd_conn_set_userdata(jobd_conn *conn, void *userdata) {
    conn->userdata = userdata;
}
