#include "call.h"

#include "executor.h"
#include "future.h"
#include "job.h"
#include "loop.h"
#include "stream.h"

enum { ASKED = 1u << 16 }; // in a tag, beside the op: ptr is a struct jd_call, or NULL

static int request(jobd_conn *c, struct jd_msg *msg, uint32_t tag, void *ptr) {
    int64_t place = jd_table_take(&c->calls, tag, ptr);
    if (place < 0)
        return JOBD_E_NOMEM;
    msg->shape = JD_REQUEST;
    msg->id = (uint32_t)place + 1;
    int r = jd_stream_put(c, msg);
    if (r < 0)
        jd_table_give(&c->calls, (uint32_t)place);
    return r;
}

int jd_calls_request(jobd_conn *c, struct jd_msg *msg, void *ptr) {
    return request(c, msg, msg->op, ptr);
}

static bool is_done(const struct jd_wait *w) {
    return ((const struct jd_call *)w->subject)->done;
}

int jd_calls_ask(jobd_conn *c, struct jd_msg *msg, struct jd_call *call, int64_t timeout_ms) {
    int r = jd_conn_check(c);
    if (r < 0)
        return r;
    if (c->n_callbacks > 0)
        return JOBD_E_DEADLK;
    if (c->dead)
        return c->error.code;
    *call = (struct jd_call){0};
    r = request(c, msg, msg->op | ASKED, call);
    if (r < 0)
        return r;
    struct jd_wait w = {.met = is_done, .subject = call};
    r = jd_loop_wait(c, &w, jd_clock_deadline_ns(timeout_ms));
    if (!call->done) // its reply may come long after this frame is gone
        jd_table_find(&c->calls, msg->id - 1)->ptr = NULL;
    return call->done ? call->error : r;
}

// Keeps what a listing brought, for the program to look at.
static int keep_answer(jobd_conn *c, jobd_bytes answer, jobd_type type) {
    jobd_reader r = jobd_reader_of(answer);
    if (jobd_read_type(&r) != type)
        return JOBD_E_PROTO;
    c->answer.pos = c->answer.len = 0;
    return jd_buf_append(&c->answer, answer.data, answer.len);
}

static void end_call(jobd_conn *c, struct jd_call *call, const struct jd_msg *msg) {
    if (!call) // nobody waits any more
        return;
    call->done = true;
    call->done_ns = jd_clock_ns();
    call->error = msg->error;
    if (msg->error)
        return;
    switch (jd_op_reply(msg->op)) {
    case JD_BODY_STATUS:
        call->error = keep_answer(c, msg->u.status.map, JOBD_T_MAP);
        break;
    case JD_BODY_LISTING:
        call->number = msg->u.listing.cursor;
        call->error = keep_answer(c, msg->u.listing.rows, JOBD_T_ARRAY);
        break;
    case JD_BODY_CANCEL_OK:
        call->number = msg->u.cancel_ok.cancelled;
        break;
    case JD_BODY_ABORT_OK:
        call->number = msg->u.abort_ok.state;
        break;
    default: // that it came is all it says
        break;
    }
}

// What a reply means that no blocking call waits for.
static void on_reply(jobd_conn *c, void *ptr, const struct jd_msg *msg) {
    switch (msg->op) {
    case JD_OP_SUBMIT:
    case JD_OP_PROCESS:
        jd_job_on_submitted(ptr, msg);
        break;
    case JD_OP_ATTACH:
        jd_job_on_attached(ptr, msg);
        break;
    case JD_OP_CANCEL:
        jd_job_on_cancelled(ptr, msg);
        break;
    case JD_OP_EXECUTOR_OPEN:
        jd_executors_on_opened(c, (uint32_t)(uintptr_t)ptr, msg);
        break;
    default: // a wish: whatever the daemon thinks of it, its outcome shows elsewhere
        break;
    }
}

void jd_calls_on_reply(jobd_conn *c, struct jd_msg *msg) {
    struct jd_entry *entry = jd_table_find(&c->calls, (uint64_t)msg->id - 1);
    if (!entry) {
        jd_conn_fail(c, JOBD_E_PROTO, "the daemon answered request %u, which nobody made",
                     (unsigned)msg->id);
        return;
    }
    void *ptr = entry->ptr;
    bool asked = entry->tag & ASKED;
    msg->op = (uint16_t)entry->tag;
    if (!msg->error && jd_msg_unpack_reply(msg) < 0) {
        jd_conn_fail(c, JOBD_E_PROTO, "the daemon's answer to %s is malformed",
                     jd_op_name(msg->op));
        return;
    }
    jd_table_give(&c->calls, msg->id - 1);
    if (asked)
        end_call(c, ptr, msg);
    else
        on_reply(c, ptr, msg);
}

void jd_calls_end(jobd_conn *c) {
    struct jd_msg lost = {.shape = JD_REPLY, .error = c->error.code};
    for (uint32_t i = 0; i < c->calls.n_fresh; i++) {
        struct jd_entry *entry = jd_table_find(&c->calls, i);
        if (entry && entry->tag & ASKED)
            end_call(c, entry->ptr, &lost);
        else if (entry && entry->tag == JD_OP_CANCEL)
            jobd_future_unref(entry->ptr);
    }
    jd_table_free_all(&c->calls);
}
