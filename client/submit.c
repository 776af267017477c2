#include "submit.h"

#include <string.h>

#include "call.h"
#include "fds.h"
#include "mem.h"
#include "options.h"
#include "stream.h"

enum {
    TAG = 1, // of places in a table that needs to tell nothing apart
    RETRY_DELAY_MS = 100,
    PRIORITY_MAX = 127,
    RETRIES_MAX = 255,
};

static bool time_ok(int64_t ms) {
    return ms >= 0 && ms <= INT64_MAX / JD_MS_NS;
}

static bool text_ok(const char *s) {
    return !s || strnlen(s, JD_NAME_MAX + 1) <= JD_NAME_MAX;
}

static bool options_ok(const jobd_submit_options *o) {
    return time_ok(o->time_limit_ms) && time_ok(o->delay_ms) && time_ok(o->deadline_ms) &&
           time_ok(o->retry_delay_ms) && o->max_lost <= 2 && o->max_retries <= RETRIES_MAX &&
           o->priority >= -PRIORITY_MAX && o->priority <= PRIORITY_MAX && text_ok(o->key) &&
           text_ok(o->label);
}

int jd_submit_fill(struct jd_submit *s, const jobd_submit_options *opts) {
    jobd_submit_options o = {0};
    int r = jd_options_copy(&o, sizeof o, opts);
    if (r < 0 || !opts)
        return r;
    if (!options_ok(&o))
        return JOBD_E_INVAL;
    s->time_limit_ms = (uint64_t)o.time_limit_ms;
    s->max_lost = o.max_lost;
    s->priority = o.priority;
    s->delay_ms = (uint64_t)o.delay_ms;
    s->deadline_ms = (uint64_t)o.deadline_ms;
    s->max_retries = o.max_retries;
    if (o.max_retries > 0)
        s->retry_delay_ms = o.retry_delay_ms ? (uint64_t)o.retry_delay_ms : RETRY_DELAY_MS;
    s->key = jd_text(o.key ? o.key : "");
    s->label = jd_text(o.label ? o.label : "");
    s->detached = o.detached;
    return 0;
}

static void set_handle(struct jd_msg *msg, uint64_t handle) {
    switch (msg->op) {
    case JD_OP_SUBMIT:
        msg->u.submit.handle = handle;
        return;
    case JD_OP_PROCESS:
        msg->u.process.handle = handle;
        return;
    case JD_OP_ATTACH:
        msg->u.attach.handle = handle;
        return;
    default:
        JD_UNREACHABLE();
    }
}

// Everything a job needs is taken before anything changes, and given back if one part fails.
int jd_submit_start(jobd_conn *c, jobd_executor *ex, struct jd_msg *msg, jobd_future **ret_future) {
    if (c->dead)
        return JOBD_E_CLOSED;
    if (jd_buf_used(&c->out) > c->max_pending_bytes)
        return JOBD_E_AGAIN;
    jobd_future *f = jd_future_new(c);
    if (!f)
        return JOBD_E_NOMEM;
    int64_t handle = jd_table_take(&c->handles, TAG, f);
    if (handle < 0) {
        jobd_future_unref(f);
        return handle == JOBD_E_LIMIT ? JOBD_E_AGAIN : JOBD_E_NOMEM;
    }
    f->handle = (uint32_t)handle;
    set_handle(msg, (uint64_t)handle);
    int r = jd_calls_request(c, msg, f);
    if (r < 0) {
        jd_table_give(&c->handles, f->handle);
        jobd_future_unref(f);
        return r;
    }
    if (ex)
        jd_executor_add(ex, f);
    *ret_future = jobd_future_ref(f); // the other reference is the connection's
    return 0;
}

int jobd_submit(jobd_executor *ex, const char *task, jobd_bytes args,
                const jobd_submit_options *opts, jobd_future **ret_future) {
    struct jd_msg msg = {.op = JD_OP_SUBMIT};
    int r = ex ? jd_conn_check(ex->conn) : JOBD_E_INVAL;
    r = r ? r : jd_submit_fill(&msg.u.submit, opts);
    if (r < 0)
        return r;
    jobd_conn *c = ex->conn;
    if (c->dead)
        return JOBD_E_CLOSED;
    if (ex->is_shut)
        return JOBD_E_STATE;
    if (!task || !ret_future || !jd_name_ok(jd_text(task), JD_NAME_MAX) || (!args.data && args.len))
        return JOBD_E_INVAL;
    if (args.len > jobd_conn_max_payload(c))
        return JOBD_E_MSGSIZE;
    msg.u.submit.executor = ex->id;
    msg.u.submit.task = jd_text(task);
    msg.u.submit.args = args;
    r = jd_submit_start(c, ex, &msg, ret_future);
    if (r == 0)
        jd_stream_send_much(c);
    return r;
}

int jobd_future_attach(jobd_conn *conn, uint64_t job_id, jobd_future **ret) {
    struct jd_msg msg = {.op = JD_OP_ATTACH, .u.attach.job = job_id};
    int r = jd_conn_check(conn);
    if (r < 0 || !ret)
        return r < 0 ? r : JOBD_E_INVAL;
    r = jd_submit_start(conn, NULL, &msg, ret);
    if (r == 0)
        (*ret)->job_id = job_id;
    return r;
}

int jd_submit_process(jobd_conn *c, const struct jd_process *process, const int *fds,
                      jobd_future **ret_future) {
    struct jd_msg msg = {.op = JD_OP_PROCESS, .u.process = *process};
    struct jd_fd_lot *lot = NULL;
    if (process->args.len > jobd_conn_max_payload(c))
        return JOBD_E_MSGSIZE;
    if (process->n_pipes > 0) {
        lot = jd_fds_new(c, fds, (unsigned)process->n_pipes);
        if (!lot)
            return JOBD_E_NOMEM;
    }
    int r = jd_submit_start(c, NULL, &msg, ret_future);
    if (r < 0) {
        jd_free(lot);
        return r;
    }
    if (lot)
        jd_fds_push(c, lot);
    return 0;
}
