#include "completion.h"

#include <stdlib.h>

#include "callback.h"
#include "loop.h"
#include "mem.h"

struct jobd_completion {
    uint64_t deadline_ns;
    size_t n_watches;
    size_t n_open;          // futures that are not done
    struct jd_watch *ready; // done, in that order, and not walked over yet
    struct jd_watch **ready_end;
    struct jd_watch watches[];
};

static void push_ready(struct jd_watch *w) {
    jobd_completion *walk = w->walk;
    w->next = NULL;
    w->at = NULL;
    *walk->ready_end = w;
    walk->ready_end = &w->next;
}

void jd_watches_fire(jobd_future *f) {
    struct jd_watch *next;
    for (struct jd_watch *w = f->watches; w; w = next) {
        next = w->next;
        w->walk->n_open--;
        push_ready(w);
    }
    f->watches = NULL;
}

bool jd_watches_by(const jobd_future *f, const jobd_completion *walk) {
    const struct jd_watch *w = f->watches;
    while (w && w->walk != walk)
        w = w->next;
    return w;
}

static void watch(jobd_future *f, struct jd_watch *w) {
    w->next = f->watches;
    w->at = &f->watches;
    if (w->next)
        w->next->at = &w->next;
    f->watches = w;
}

static void unwatch(struct jd_watch *w) {
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
}

static int by_done_order(const void *a, const void *b) {
    uint64_t x = ((const struct jd_watch *)a)->future->done_order;
    uint64_t y = ((const struct jd_watch *)b)->future->done_order;
    return (x > y) - (x < y);
}

// Those done already: in the order they were done, each once.
static void add_done(jobd_completion *walk, jobd_future *const *fs, size_t n) {
    size_t n_done = 0;
    for (size_t i = 0; i < n; i++) {
        if (jd_future_is_done(fs[i]))
            walk->watches[n_done++] = (struct jd_watch){.future = fs[i], .walk = walk};
    }
    qsort(walk->watches, n_done, sizeof walk->watches[0], by_done_order);
    for (size_t i = 0; i < n_done; i++) {
        size_t last = walk->n_watches;
        if (last == 0 || walk->watches[last - 1].future != walk->watches[i].future)
            walk->watches[walk->n_watches++] = walk->watches[i];
    }
    for (size_t i = 0; i < walk->n_watches; i++)
        push_ready(&walk->watches[i]);
}

// Those still open. The newest watch of a future comes first: if it is ours, fs names the future
// twice.
static void add_open(jobd_completion *walk, jobd_future *const *fs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (jd_future_is_done(fs[i]) || (fs[i]->watches && fs[i]->watches->walk == walk))
            continue;
        struct jd_watch *w = &walk->watches[walk->n_watches++];
        *w = (struct jd_watch){.future = fs[i], .walk = walk};
        watch(fs[i], w);
        walk->n_open++;
    }
}

int jobd_as_completed(jobd_future *const *fs, size_t n, int64_t timeout_ms, jobd_completion **ret) {
    int r = jd_futures_check(fs, n);
    if (r < 0 || !ret)
        return r < 0 ? r : JOBD_E_INVAL;
    if (n > (SIZE_MAX - sizeof **ret) / sizeof(struct jd_watch))
        return JOBD_E_NOMEM;
    jobd_completion *walk = jd_alloc(sizeof *walk + n * sizeof(struct jd_watch));
    if (!walk)
        return JOBD_E_NOMEM;
    *walk = (jobd_completion){.deadline_ns = jd_clock_deadline_ns(timeout_ms)};
    walk->ready_end = &walk->ready;
    add_done(walk, fs, n);
    add_open(walk, fs, n);
    for (size_t i = 0; i < walk->n_watches; i++)
        jobd_future_ref(walk->watches[i].future);
    *ret = walk;
    return 0;
}

static bool has_ready(const struct jd_wait *w) {
    return w->walk->ready;
}

int jobd_completion_next(jobd_completion *c, jobd_future **ret_future) {
    if (c->n_watches == 0)
        return 0;
    jobd_conn *conn = c->watches[0].future->conn;
    int r = jd_conn_check(conn);
    if (r < 0)
        return r;
    if (!c->ready && c->n_open == 0)
        return 0;
    if (!c->ready && conn->n_callbacks > 0)
        return jd_clock_passed(c->deadline_ns) ? JOBD_E_TIMEOUT : JOBD_E_DEADLK;
    if (!c->ready) {
        struct jd_wait w = {.met = has_ready, .walk = c};
        r = jd_loop_wait(conn, &w, c->deadline_ns);
        if (r < 0)
            return r;
    }
    struct jd_watch *w = c->ready;
    c->ready = w->next;
    if (!c->ready)
        c->ready_end = &c->ready;
    jd_callbacks_catch_up(w->future);
    *ret_future = w->future;
    return 1;
}

size_t jobd_completion_unfinished(const jobd_completion *c) {
    return c->n_open;
}

void jobd_completion_free(jobd_completion *c) {
    if (!c)
        return;
    for (size_t i = 0; i < c->n_watches; i++) {
        if (c->watches[i].at)
            unwatch(&c->watches[i]);
        jobd_future_unref(c->watches[i].future);
    }
    jd_free(c);
}
