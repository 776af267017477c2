// jobd_wait(): marks its futures, counts them down as they are done, and unmarks the rest.
#include <limits.h>

#include "callback.h"
#include "completion.h"
#include "loop.h"

int jd_futures_check(jobd_future *const *fs, size_t n) {
    if (n > INT_MAX || (n > 0 && !fs))
        return JOBD_E_INVAL;
    for (size_t i = 0; i < n; i++) {
        if (!fs[i] || fs[i]->conn != fs[0]->conn)
            return JOBD_E_INVAL;
    }
    return n > 0 ? jd_conn_check(fs[0]->conn) : 0;
}

static bool all_done(const struct jd_wait *w) {
    return w->n_left == 0;
}

static bool one_failed_or_all_done(const struct jd_wait *w) {
    return w->failed || w->n_left == 0;
}

static bool one_done(const struct jd_wait *w) {
    return w->n_left < *(const size_t *)w->subject;
}

// Marks the futures that are not done. Returns how many there are, each counted once.
static size_t mark(jobd_future *const *fs, size_t n) {
    size_t n_open = 0;
    for (size_t i = 0; i < n; i++) {
        if (jd_future_is_done(fs[i]) || fs[i]->waited)
            continue;
        fs[i]->waited = true;
        n_open++;
    }
    return n_open;
}

static bool is_met_already(jobd_future *const *fs, size_t n, jobd_return_when when) {
    size_t n_done = 0;
    bool failed = false;
    for (size_t i = 0; i < n; i++) {
        n_done += jd_future_is_done(fs[i]);
        failed |= fs[i]->state == JOBD_FINISHED && fs[i]->error;
    }
    if (n_done == n)
        return true;
    return (when == JOBD_FIRST_COMPLETED && n_done > 0) || (when == JOBD_FIRST_EXCEPTION && failed);
}

static int wait_for(jobd_future *const *fs, size_t n, jobd_return_when when, int64_t timeout_ms) {
    jobd_conn *c = fs[0]->conn;
    if (c->n_callbacks > 0)
        return timeout_ms == 0 ? JOBD_E_TIMEOUT : JOBD_E_DEADLK;
    size_t n_open = mark(fs, n);
    struct jd_wait w = {.met = all_done, .n_left = n_open, .subject = &n_open};
    if (when == JOBD_FIRST_COMPLETED)
        w.met = one_done;
    else if (when == JOBD_FIRST_EXCEPTION)
        w.met = one_failed_or_all_done;
    int r = jd_loop_wait(c, &w, jd_clock_deadline_ns(timeout_ms));
    for (size_t i = 0; i < n; i++)
        fs[i]->waited = false;
    return r;
}

int jobd_wait(jobd_future *const *fs, size_t n, jobd_return_when when, int64_t timeout_ms,
              bool *ret_done) {
    int r = jd_futures_check(fs, n);
    if (r == 0 && (when < JOBD_FIRST_COMPLETED || when > JOBD_ALL_COMPLETED))
        r = JOBD_E_INVAL;
    if (r < 0 || n == 0)
        return r;
    for (size_t i = 0; i < n; i++)
        jobd_future_ref(fs[i]); // a callback may drop the program's
    for (size_t i = 0; i < n; i++)
        jd_callbacks_catch_up(fs[i]);
    if (!is_met_already(fs, n, when))
        r = wait_for(fs, n, when, timeout_ms);
    if (r == JOBD_E_TIMEOUT)
        r = 0;
    int n_done = 0;
    for (size_t i = 0; i < n; i++) {
        bool done = jd_future_is_done(fs[i]);
        n_done += done;
        if (ret_done && r == 0)
            ret_done[i] = done;
        jobd_future_unref(fs[i]);
    }
    return r < 0 ? r : n_done;
}
