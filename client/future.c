#include "future.h"

#include <string.h>

#include "callback.h"
#include "completion.h"
#include "ears.h"
#include "executor.h"
#include "loop.h"
#include "mem.h"
#include "msg.h"

enum { SPARES_MAX = 4096 };

jobd_future *jd_future_new(jobd_conn *c) {
    jobd_future *f = c->spare;
    if (f) {
        c->spare = f->link;
        c->n_spare--;
    } else {
        f = jd_alloc(sizeof *f);
        if (!f)
            return NULL;
    }
    *f = (jobd_future){.conn = c, .n_refs = 1};
    jd_conn_ref(c);
    return f;
}

void jd_future_free_spares(jobd_conn *c) {
    while (c->spare) {
        jobd_future *f = c->spare;
        c->spare = f->link;
        jd_free(f);
    }
    c->n_spare = 0;
}

jobd_future *jobd_future_ref(jobd_future *f) {
    f->n_refs++;
    return f;
}

void jobd_future_unref(jobd_future *f) {
    if (!f || --f->n_refs > 0)
        return;
    jobd_conn *c = f->conn;
    JD_ASSERT(!f->watches && !f->is_pending);
    jd_callbacks_drop(f);
    jd_ears_free(f);
    jd_fault_unref(f->fault);
    if (f->value_bytes > JD_VALUE_INLINE_BYTES)
        jd_free(f->value.big);
    if (c->closing || c->n_spare == SPARES_MAX) {
        jd_free(f);
    } else {
        f->link = c->spare;
        c->spare = f;
        c->n_spare++;
    }
    jd_conn_unref(c);
}

// The one way to the end: everybody who waits learns of it here.
static void finish(jobd_future *f, jobd_future_state state) {
    jobd_conn *c = f->conn;
    JD_ASSERT(!jd_future_is_done(f));
    f->state = (uint8_t)state;
    f->done_order = ++c->n_done;
    jd_table_give(&c->handles, f->handle);
    bool may_run = jd_callbacks_may_run(f);
    if (f->waited) {
        f->waited = false;
        c->wait->n_left--;
        c->wait->failed |= f->error && state == JOBD_FINISHED;
    }
    jd_watches_fire(f);
    jd_executor_remove(f);
    jd_callbacks_run_or_queue(f, may_run);
    jobd_future_unref(f);
}

bool jd_future_keep(jobd_future *f, jobd_bytes value) {
    void *at = f->value.small;
    if (value.len > JD_VALUE_INLINE_BYTES)
        at = f->value.big = jd_alloc(value.len);
    if (!at)
        return false;
    if (value.len)
        memcpy(at, value.data, value.len);
    f->value_bytes = (uint32_t)value.len;
    return true;
}

void jd_future_succeed(jobd_future *f) {
    finish(f, JOBD_FINISHED);
}

void jd_future_fail(jobd_future *f, int code, jobd_bytes name, jobd_bytes text) {
    f->error = code;
    if (name.len || text.len) // without memory for them, the code must say it all
        f->fault = jd_fault_new(name, text);
    finish(f, JOBD_FINISHED);
}

void jd_future_cancel(jobd_future *f) {
    f->error = JOBD_E_CANCELLED;
    finish(f, JOBD_CANCELLED);
}

void jd_future_lose(jobd_future *f) {
    f->error = f->conn->silent ? JOBD_E_FORKED : JOBD_E_CLOSED;
    f->fault = jd_fault_ref(f->conn->fault);
    finish(f, JOBD_FINISHED);
}

jobd_future_state jobd_future_get_state(const jobd_future *f) {
    return (jobd_future_state)f->state;
}

bool jobd_future_running(const jobd_future *f) {
    return f->state == JOBD_RUNNING;
}

bool jobd_future_done(const jobd_future *f) {
    return jd_future_is_done(f);
}

bool jobd_future_cancelled(const jobd_future *f) {
    return f->state == JOBD_CANCELLED;
}

int jobd_future_info(const jobd_future *f, jobd_job_info *ret) {
    if (!ret || ret->struct_size < sizeof ret->struct_size)
        return JOBD_E_INVAL;
    jobd_job_info info = {
        .struct_size = ret->struct_size,
        .job_id = f->job_id,
        .state = f->job_state,
        .worker_pid = f->worker_pid,
        .attempt = f->attempt,
        .progress = f->progress,
        .run_ns = f->run_ns,
        .done_order = f->done_order,
        .status = f->status,
    };
    memcpy(ret, &info, JD_MIN(ret->struct_size, sizeof info));
    return 0;
}

static bool none_left(const struct jd_wait *w) {
    return w->n_left == 0;
}

// Waits for one future. 0 = it is done.
static int wait_done(jobd_future *f, int64_t timeout_ms) {
    int r = jd_conn_check(f->conn);
    if (r < 0)
        return r;
    jd_callbacks_catch_up(f);
    if (jd_future_is_done(f))
        return 0;
    if (f->conn->n_callbacks > 0)
        return timeout_ms == 0 ? JOBD_E_TIMEOUT : JOBD_E_DEADLK;
    struct jd_wait w = {.met = none_left, .n_left = 1};
    f->waited = true;
    r = jd_loop_wait(f->conn, &w, jd_clock_deadline_ns(timeout_ms));
    f->waited = false;
    return r;
}

int jobd_future_result(jobd_future *f, int64_t timeout_ms, jobd_bytes *ret_value) {
    jobd_future_ref(f); // a callback may drop the program's
    int r = wait_done(f, timeout_ms);
    if (r == 0)
        r = f->error;
    if (r == 0 && ret_value)
        *ret_value = jd_future_value(f);
    jobd_future_unref(f);
    return r;
}

int jobd_future_exception(jobd_future *f, int64_t timeout_ms, jobd_error *ret) {
    jobd_future_ref(f);
    int r = wait_done(f, timeout_ms);
    if (r == 0 && f->state == JOBD_CANCELLED)
        r = JOBD_E_CANCELLED;
    if (r == 0 && f->error) {
        if (ret)
            jd_fault_show(f->fault, f->error, ret);
        r = 1;
    }
    jobd_future_unref(f);
    return r;
}
