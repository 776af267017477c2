#include "completion.h"

#include <stdlib.h>

#include "callback.h"
#include "loop.h"
#include "mem.h"

struct jobd_completion {
    uint64_t deadline_ns;
    struct jd_walk walk;
    size_t n_watches;
    struct jd_watch watches[];
};

void jd_walk_init(struct jd_walk *walk) {
    *walk = (struct jd_walk){.ready_end = &walk->ready};
}

static void push_ready(struct jd_watch *w) {
    struct jd_walk *walk = w->walk;
    w->next = NULL;
    w->at = NULL;
    *walk->ready_end = w;
    walk->ready_end = &w->next;
}

struct jd_watch *jd_walk_pop(struct jd_walk *walk) {
    struct jd_watch *w = walk->ready;
    walk->ready = w->next;
    if (!walk->ready)
        walk->ready_end = &walk->ready;
    return w;
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

bool jd_watches_by(const jobd_future *f, const struct jd_walk *walk) {
    const struct jd_watch *w = f->watches;
    while (w && w->walk != walk)
        w = w->next;
    return w;
}

void jd_walk_watch(struct jd_watch *w) {
    jobd_future *f = w->future;
    w->next = f->watches;
    w->at = &f->watches;
    if (w->next)
        w->next->at = &w->next;
    f->watches = w;
    w->walk->n_open++;
}

void jd_walk_unwatch(struct jd_watch *w) {
    if (!w->at)
        return;
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    w->at = NULL;
    w->walk->n_open--;
}

static int by_done_order(const void *a, const void *b) {
    uint64_t x = ((const struct jd_watch *)a)->future->done_order;
    uint64_t y = ((const struct jd_watch *)b)->future->done_order;
    return (x > y) - (x < y);
}

// Those done already: in the order they were done, each once.
static void add_done(jobd_completion *c, jobd_future *const *fs, size_t n) {
    size_t n_done = 0;
    for (size_t i = 0; i < n; i++) {
        if (jd_future_is_done(fs[i]))
            c->watches[n_done++] = (struct jd_watch){.future = fs[i], .walk = &c->walk};
    }
    qsort(c->watches, n_done, sizeof c->watches[0], by_done_order);
    for (size_t i = 0; i < n_done; i++) {
        size_t last = c->n_watches;
        if (last == 0 || c->watches[last - 1].future != c->watches[i].future)
            c->watches[c->n_watches++] = c->watches[i];
    }
    for (size_t i = 0; i < c->n_watches; i++)
        push_ready(&c->watches[i]);
}

// Those still open. The newest watch of a future comes first: if it is ours, fs names the future
// twice.
static void add_open(jobd_completion *c, jobd_future *const *fs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (jd_future_is_done(fs[i]) || (fs[i]->watches && fs[i]->watches->walk == &c->walk))
            continue;
        struct jd_watch *w = &c->watches[c->n_watches++];
        *w = (struct jd_watch){.future = fs[i], .walk = &c->walk};
        jd_walk_watch(w);
    }
}

int jobd_as_completed(jobd_future *const *fs, size_t n, int64_t timeout_ms, jobd_completion **ret) {
    int r = jd_futures_check(fs, n);
    if (r < 0 || !ret)
        return r < 0 ? r : JOBD_E_INVAL;
    if (n > (SIZE_MAX - sizeof **ret) / sizeof(struct jd_watch))
        return JOBD_E_NOMEM;
    jobd_completion *c = jd_alloc(sizeof *c + n * sizeof(struct jd_watch));
    if (!c)
        return JOBD_E_NOMEM;
    *c = (jobd_completion){.deadline_ns = jd_clock_deadline_ns(timeout_ms)};
    jd_walk_init(&c->walk);
    add_done(c, fs, n);
    add_open(c, fs, n);
    for (size_t i = 0; i < c->n_watches; i++)
        jobd_future_ref(c->watches[i].future);
    *ret = c;
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
    if (!c->walk.ready && c->walk.n_open == 0)
        return 0;
    if (!c->walk.ready && conn->n_callbacks > 0)
        return jd_clock_passed(c->deadline_ns) ? JOBD_E_TIMEOUT : JOBD_E_DEADLK;
    if (!c->walk.ready) {
        struct jd_wait w = {.met = has_ready, .walk = &c->walk};
        r = jd_loop_wait(conn, &w, c->deadline_ns);
        if (r < 0)
            return r;
    }
    struct jd_watch *w = jd_walk_pop(&c->walk);
    jd_callbacks_catch_up(w->future);
    *ret_future = w->future;
    return 1;
}

size_t jobd_completion_unfinished(const jobd_completion *c) {
    return c->walk.n_open;
}

void jobd_completion_free(jobd_completion *c) {
    if (!c)
        return;
    for (size_t i = 0; i < c->n_watches; i++) {
        jd_walk_unwatch(&c->watches[i]);
        jobd_future_unref(c->watches[i].future);
    }
    jd_free(c);
}
