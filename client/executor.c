#include "executor.h"

#include "call.h"
#include "future.h"
#include "mem.h"
#include "options.h"
#include "stream.h"

struct jobd_executor {
    jobd_conn *conn; // holds a reference
    uint32_t id;
};

enum { TAG = 1 }; // of places in tables that need to tell nothing apart

static void forget_refusal(struct jd_entry *entry) {
    jd_fault_unref(entry->ptr);
    entry->ptr = NULL;
}

// A number may have been closed and opened again meanwhile; its last reply is the one that counts.
void jd_executors_on_opened(jobd_conn *c, uint32_t id, const struct jd_msg *reply) {
    struct jd_entry *entry = jd_table_find(&c->executors, id);
    if (!entry)
        return;
    forget_refusal(entry);
    if (reply->error)
        entry->ptr = jd_fault_new(jd_text(""), reply->text);
}

const struct jd_fault *jd_executors_refusal(const jobd_conn *c, uint32_t id) {
    const struct jd_entry *entry = jd_table_find(&c->executors, id);
    return entry ? entry->ptr : NULL;
}

void jd_executors_free_all(jobd_conn *c) {
    for (uint32_t i = 0; i < c->executors.n_fresh; i++)
        jd_fault_unref(c->executors.entries[i].ptr);
    jd_table_free_all(&c->executors);
}

static int ask_open(jobd_conn *c, jobd_bytes pool, uint32_t *ret_id) {
    int64_t id = jd_table_take(&c->executors, TAG, NULL);
    if (id < 0)
        return (int)id;
    struct jd_msg msg = {.op = JD_OP_EXECUTOR_OPEN};
    msg.u.executor_open = (struct jd_executor_open){.executor = (uint64_t)id, .pool = pool};
    int r = jd_calls_request(c, &msg, (void *)(uintptr_t)id);
    if (r < 0)
        jd_table_give(&c->executors, (uint32_t)id);
    else
        *ret_id = (uint32_t)id;
    return r;
}

int jobd_executor_open(jobd_conn *conn, const jobd_executor_options *opts, jobd_executor **ret) {
    jobd_executor_options o = {0};
    int r = jd_conn_check(conn);
    r = r ? r : jd_options_copy(&o, sizeof o, opts);
    if (r < 0)
        return r;
    if (conn->dead)
        return JOBD_E_CLOSED;
    const char *pool = o.pool ? o.pool : "default";
    if (!ret || !jd_name_ok(jd_text(pool), JD_NAME_MAX))
        return JOBD_E_INVAL;
    jobd_executor *ex = jd_alloc(sizeof *ex);
    if (!ex)
        return JOBD_E_NOMEM;
    *ex = (jobd_executor){.conn = conn};
    r = ask_open(conn, jd_text(pool), &ex->id);
    if (r < 0) {
        jd_free(ex);
        return r;
    }
    jd_conn_ref(conn);
    *ret = ex;
    return 0;
}

void jobd_executor_free(jobd_executor *ex) {
    if (!ex)
        return;
    jobd_conn *c = ex->conn;
    struct jd_msg msg = {.op = JD_OP_EXECUTOR_CLOSE, .u.executor_close.executor = ex->id};
    // If there is no memory to say so, the number stays taken on both sides.
    if (!c->dead && !jd_conn_forked(c) && jd_calls_request(c, &msg, NULL) == 0) {
        forget_refusal(jd_table_find(&c->executors, ex->id));
        jd_table_give(&c->executors, ex->id);
    }
    jd_conn_unref(c);
    jd_free(ex);
}

// Everything a submit needs is taken before anything changes, and given back if one part fails.
static int submit(jobd_conn *c, struct jd_msg *msg, jobd_future **ret_future) {
    jobd_future *f = jd_future_new(c);
    if (!f)
        return JOBD_E_NOMEM;
    int64_t handle = jd_table_take(&c->handles, TAG, f);
    if (handle < 0) {
        jobd_future_unref(f);
        return handle == JOBD_E_LIMIT ? JOBD_E_AGAIN : JOBD_E_NOMEM;
    }
    f->handle = (uint32_t)handle;
    f->executor = (uint16_t)msg->u.submit.executor;
    msg->u.submit.handle = (uint64_t)handle;
    int r = jd_calls_request(c, msg, f);
    if (r < 0) {
        jd_table_give(&c->handles, f->handle);
        jobd_future_unref(f);
        return r;
    }
    *ret_future = jobd_future_ref(f); // the other reference is the connection's
    return 0;
}

int jobd_submit(jobd_executor *ex, const char *task, jobd_bytes args,
                const jobd_submit_options *opts, jobd_future **ret_future) {
    jobd_submit_options o = {0};
    int r = ex ? jd_conn_check(ex->conn) : JOBD_E_INVAL;
    r = r ? r : jd_options_copy(&o, sizeof o, opts);
    if (r < 0)
        return r;
    jobd_conn *c = ex->conn;
    if (c->dead)
        return JOBD_E_CLOSED;
    if (!task || !ret_future || !jd_name_ok(jd_text(task), JD_NAME_MAX) || (!args.data && args.len))
        return JOBD_E_INVAL;
    if (o.time_limit_ms < 0 || o.time_limit_ms > INT64_MAX / JD_MS_NS || o.max_lost > 2)
        return JOBD_E_INVAL;
    if (args.len > jobd_conn_max_payload(c))
        return JOBD_E_MSGSIZE;
    if (jd_buf_used(&c->out) > c->max_pending_bytes)
        return JOBD_E_AGAIN;
    struct jd_msg msg = {.op = JD_OP_SUBMIT};
    msg.u.submit = (struct jd_submit){
        .executor = ex->id,
        .task = jd_text(task),
        .args = args,
        .time_limit_ms = (uint64_t)o.time_limit_ms,
        .max_lost = o.max_lost,
    };
    r = submit(c, &msg, ret_future);
    if (r == 0 && jd_buf_used(&c->out) >= JD_STREAM_SEND_BYTES && !c->send_blocked)
        jd_stream_send(c);
    return r;
}
