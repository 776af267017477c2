// A callback runs as soon as its future is done, in the midst of reading: what it may call reads
// nothing, and closing waits. While a blocking call waits for other futures, callbacks queue up
// here.
#include "callback.h"

#include "completion.h"
#include "ears.h"
#include "loop.h"
#include "mem.h"

bool jd_callbacks_may_run(const jobd_future *f) {
    const struct jd_wait *w = f->conn->wait;
    return w->all || f->waited || (w->ex && w->ex == f->ex) ||
           (w->walk && jd_watches_by(f, w->walk));
}

void jd_callbacks_queue(jobd_future *f) {
    jobd_conn *c = f->conn;
    if (f->is_pending)
        return;
    f->is_pending = true;
    f->link = NULL;
    if (c->pending)
        c->pending_end->link = f;
    else
        c->pending = f;
    c->pending_end = f;
    jobd_future_ref(f);
}

// In the order added. None can be added meanwhile: the future is done, so a new one runs at once.
static void run(jobd_future *f) {
    jobd_conn *c = f->conn;
    struct jd_callback first = f->callback;
    if (!first.fn || c->silent)
        return;
    f->callback = (struct jd_callback){0};
    jobd_future_ref(f);
    jd_conn_callback_begin(c);
    first.fn(f, first.arg);
    for (struct jd_callback *cb = first.next, *next; cb; cb = next) {
        next = cb->next;
        cb->fn(f, cb->arg);
        jd_free(cb);
    }
    jd_conn_callback_end(c);
    jobd_future_unref(f);
}

void jd_callbacks_run_or_queue(jobd_future *f, bool may_run) {
    if (may_run) {
        jd_ears_catch_up(f);
        run(f);
    } else if (f->callback.fn || jd_ears_wait(f)) {
        jd_callbacks_queue(f);
    }
}

void jd_callbacks_catch_up(jobd_future *f) {
    if (!f->is_pending || !jd_future_is_done(f) || f->conn->n_callbacks > 0)
        return;
    jd_ears_catch_up(f);
    run(f);
}

void jd_callbacks_drop(jobd_future *f) {
    for (struct jd_callback *cb = f->callback.next, *next; cb; cb = next) {
        next = cb->next;
        jd_free(cb);
    }
    f->callback = (struct jd_callback){0};
}

int jd_pending_run(jobd_conn *c) {
    int did = 0;
    while (c->pending) {
        jobd_future *f = c->pending;
        c->pending = f->link;
        f->is_pending = false;
        jd_ears_catch_up(f);
        if (jd_future_is_done(f))
            run(f);
        jobd_future_unref(f);
        did = 1;
    }
    return did;
}

int jobd_future_add_done_callback(jobd_future *f, jobd_done_fn fn, void *arg) {
    int r = jd_conn_check(f->conn);
    if (r < 0 || !fn)
        return r < 0 ? r : JOBD_E_INVAL;
    if (jd_future_is_done(f)) {
        jobd_conn *c = f->conn;
        jobd_future_ref(f);
        jd_conn_callback_begin(c);
        fn(f, arg);
        jd_conn_callback_end(c);
        jobd_future_unref(f);
        return 0;
    }
    struct jd_callback *last = &f->callback;
    if (!last->fn) {
        *last = (struct jd_callback){.fn = fn, .arg = arg};
        return 0;
    }
    struct jd_callback *cb = jd_alloc(sizeof *cb);
    if (!cb)
        return JOBD_E_NOMEM;
    *cb = (struct jd_callback){.fn = fn, .arg = arg};
    while (last->next)
        last = last->next;
    last->next = cb;
    return 0;
}
