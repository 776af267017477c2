#include "executor.h"

#include "call.h"
#include "job.h"
#include "loop.h"
#include "mem.h"
#include "options.h"

enum { TAG = 1 }; // of places in a table that needs to tell nothing apart

jobd_executor *jd_executor_ref(jobd_executor *ex) {
    ex->n_refs++;
    return ex;
}

void jd_executor_unref(jobd_executor *ex) {
    if (--ex->n_refs > 0)
        return;
    jd_conn_unref(ex->conn);
    jd_free(ex);
}

void jd_executor_add(jobd_executor *ex, jobd_future *f) {
    f->ex = jd_executor_ref(ex);
    f->ex_prev = ex->last;
    if (ex->last)
        ex->last->ex_next = f;
    else
        ex->first = f;
    ex->last = f;
}

void jd_executor_remove(jobd_future *f) {
    jobd_executor *ex = f->ex;
    if (!ex)
        return;
    if (f->ex_prev)
        f->ex_prev->ex_next = f->ex_next;
    else
        ex->first = f->ex_next;
    if (f->ex_next)
        f->ex_next->ex_prev = f->ex_prev;
    else
        ex->last = f->ex_prev;
    f->ex = NULL;
    f->ex_prev = f->ex_next = NULL;
    jd_executor_unref(ex);
}

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

static int ask_open(jobd_conn *c, jobd_bytes pool, uint32_t max_workers, uint32_t *ret_id) {
    int64_t id = jd_table_take(&c->executors, TAG, NULL);
    if (id < 0)
        return (int)id;
    struct jd_msg msg = {.op = JD_OP_EXECUTOR_OPEN};
    msg.u.executor_open = (struct jd_executor_open){
        .executor = (uint64_t)id, .pool = pool, .max_workers = max_workers};
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
    *ex = (jobd_executor){.conn = conn, .n_refs = 1};
    r = ask_open(conn, jd_text(pool), o.max_workers, &ex->id);
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
    jd_executor_unref(ex);
}

static bool none_open(const struct jd_wait *w) {
    return !w->ex->first;
}

// Asks for an end of all that is open; what was asked before is not asked again.
static int stop_open(jobd_executor *ex, unsigned flags) {
    int r = 0;
    for (jobd_future *f = ex->first; f && r >= 0; f = f->ex_next)
        r = flags & JOBD_SHUTDOWN_KILL_RUNNING ? jd_job_ask_abort(f, JOBD_GRACE_MS, false)
                                               : jd_job_ask_cancel(f);
    return r;
}

int jobd_executor_shutdown(jobd_executor *ex, unsigned flags, int64_t timeout_ms) {
    int r = ex ? jd_conn_check(ex->conn) : JOBD_E_INVAL;
    if (r == 0 && flags & ~(unsigned)(JOBD_SHUTDOWN_CANCEL_FUTURES | JOBD_SHUTDOWN_KILL_RUNNING))
        r = JOBD_E_INVAL;
    if (r < 0)
        return r;
    ex->is_shut = true;
    if (!ex->first)
        return 1;
    if (timeout_ms != 0 && ex->conn->n_callbacks > 0)
        return JOBD_E_DEADLK;
    if (flags)
        r = stop_open(ex, flags);
    if (r < 0 || timeout_ms == 0)
        return r;
    struct jd_wait w = {.met = none_open, .ex = ex};
    jd_executor_ref(ex); // a callback may free it
    r = jd_loop_wait(ex->conn, &w, jd_clock_deadline_ns(timeout_ms));
    jd_executor_unref(ex);
    return r == 0 ? 1 : r == JOBD_E_TIMEOUT ? 0 : r;
}
