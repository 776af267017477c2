#include "watch.h"

#include "call.h"
#include "loop.h"

// A call that waits for futures runs no other callbacks: what happens meanwhile is counted.
void jd_watch_on_happened(jobd_conn *c, const struct jd_happened *event) {
    char what[JD_NAME_MAX + 1], pool[JD_NAME_MAX + 1], task[JD_NAME_MAX + 1], text[JD_TEXT_MAX + 1];
    if (!c->watch_fn)
        return;
    if (!c->wait->all) {
        c->watch_missed += 1 + event->missed;
        return;
    }
    jd_text_copy(what, sizeof what, event->what);
    jd_text_copy(pool, sizeof pool, event->pool);
    jd_text_copy(task, sizeof task, event->task);
    jd_text_copy(text, sizeof text, event->text);
    jobd_happening happening = {
        .now_ns = event->now_ns,
        .what = what,
        .pool = pool,
        .job_id = event->job,
        .task = task,
        .state = (int)event->state,
        .pid = (int64_t)event->pid,
        .text = text,
        .missed = event->missed + c->watch_missed,
    };
    c->watch_missed = 0;
    jd_conn_callback_begin(c);
    c->watch_fn(&happening, c->watch_arg);
    jd_conn_callback_end(c);
}

int jobd_watch(jobd_conn *conn, jobd_happening_fn fn, void *arg) {
    struct jd_msg msg = {.op = JD_OP_WATCH, .u.watching.on = fn};
    int r = jd_conn_check(conn);
    if (r < 0)
        return r;
    if (conn->dead)
        return JOBD_E_CLOSED;
    if (!fn == !conn->watch_fn) // only who is told changes
        r = 0;
    else
        r = jd_calls_request(conn, &msg, NULL);
    if (r < 0)
        return r;
    conn->watch_fn = fn;
    conn->watch_arg = arg;
    conn->watch_missed = 0;
    return 0;
}
