// Loops in parallel: the same loop over a map, or in the calling thread.
#include <string.h>

#include "conn.h"
#include "msg.h"
#include "options.h"
#include "serial.h"

struct loop {
    const char *task;
    jobd_parallel_options o;
    int64_t next; // i whose arguments come next
    int64_t hi;
    jobd_each_fn each;
    void *arg;
    jobd_error *reterr;
};

// The arguments of the next call, for jobd_map() and for the serial loop alike.
static int next_args(void *arg, jobd_args *item) {
    struct loop *l = arg;
    if (l->next >= l->hi)
        return 0;
    int64_t i = l->next++;
    int r;
    if (l->o.args) {
        r = l->o.args(i, item, l->arg);
    } else {
        jobd_args_array(item, 1);
        r = jobd_args_i64(item, i);
    }
    return r < 0 ? r : 1;
}

// ---- in the pools ----

static int walk(struct loop *l, jobd_map_iter *map, int64_t lo) {
    jobd_bytes value;
    uint64_t index;
    int r;
    while ((r = jobd_map_next(map, &value, &index)) > 0) {
        r = l->each(lo + (int64_t)index, value, l->arg);
        if (r != 0)
            return r;
    }
    jobd_error why;
    if (r < 0 && !jobd_map_error(map, &why, NULL))
        jd_error_set(l->reterr, r, "%s", jobd_strerror(r));
    else if (r < 0 && l->reterr)
        *l->reterr = why;
    return r;
}

static int run_in_pool(struct loop *l, jobd_conn *conn, const char *pool) {
    jobd_executor_options eo = {JOBD_OPTIONS(jobd_executor_options), .pool = pool};
    jobd_map_options mo = {JOBD_OPTIONS(jobd_map_options), .chunk = l->o.chunk,
                           .timeout_ms = l->o.timeout_ms};
    jobd_executor *ex;
    jobd_map_iter *map;
    int64_t lo = l->next;
    if (l->o.n_jobs > 0)
        eo.max_workers = (uint32_t)l->o.n_jobs;
    if (conn && conn->n_callbacks > 0)
        return jd_error_set(l->reterr, JOBD_E_DEADLK, "a callback cannot wait for a loop");
    int r = jobd_executor_open(conn, &eo, &ex);
    if (r < 0)
        return jd_error_set(l->reterr, r, "%s", jobd_strerror(r));
    r = jobd_map(ex, l->task, next_args, l, &mo, &map);
    if (r < 0) {
        jd_error_set(l->reterr, r, "%s", jobd_strerror(r));
    } else {
        r = walk(l, map, lo);
        jobd_map_free(map);
    }
    jobd_executor_free(ex);
    return r;
}

// ---- here ----

static int run_one(struct loop *l, const struct jd_serial *s, const jobd_task_def *task,
                   jobd_args *item, struct jd_buf *value) {
    jobd_bytes args;
    int64_t i = l->next;
    jobd_args_reset(item);
    int r = next_args(l, item);
    r = r < 0 ? r : jobd_args_finish(item, &args);
    if (r < 0)
        return jd_error_set(l->reterr, r, "the arguments of call %lld cannot be packed: %s",
                            (long long)i, jobd_strerror(r));
    value->pos = value->len = 0;
    r = jd_serial_run(s, task, args, value, l->reterr);
    return r < 0 ? r : l->each(i, jd_buf_view(value), l->arg);
}

static int run_here(struct loop *l) {
    struct jd_serial serial = {.tasks = l->o.tasks, .n_tasks = l->o.n_tasks};
    const jobd_task_def *task = jd_serial_find(&serial, jd_text(l->task));
    uint64_t deadline_ns = jd_clock_deadline_ns(l->o.timeout_ms ? l->o.timeout_ms : JOBD_FOREVER);
    struct jd_buf value;
    if (!task)
        return jd_error_set(l->reterr, JOBD_E_NOTASK,
                            "the serial loop's tasks have none named '%s'", l->task);
    jobd_args *item = jobd_args_new();
    if (!item)
        return jd_error_set(l->reterr, JOBD_E_NOMEM, "%s", jobd_strerror(JOBD_E_NOMEM));
    jd_buf_init(&value, UINT32_MAX);
    int r = 0;
    while (r == 0 && l->next < l->hi) {
        if (jd_clock_passed(deadline_ns))
            r = jd_error_set(l->reterr, JOBD_E_TIMEOUT, "the loop was not over within %lld ms",
                             (long long)l->o.timeout_ms);
        else
            r = run_one(l, &serial, task, item, &value);
    }
    jd_buf_free(&value);
    jobd_args_free(item);
    return r;
}

int jobd_parallel_for(jobd_conn *conn, int64_t lo, int64_t hi, const char *task,
                      const jobd_parallel_options *opts, jobd_each_fn each, void *arg,
                      jobd_error *reterr) {
    struct loop l = {
        .task = task, .next = lo, .hi = hi, .each = each, .arg = arg, .reterr = reterr};
    int r = jd_options_copy(&l.o, sizeof l.o, opts);
    if (r < 0)
        return jd_error_set(reterr, r, "the options of the loop: %s", jobd_strerror(r));
    const char *backend = l.o.backend ? l.o.backend : "process";
    if (!task || !each || l.o.n_jobs < -1)
        return jd_error_set(reterr, JOBD_E_INVAL,
                            "a loop needs a task, a function, and n_jobs of -1 or more");
    if (strcmp(backend, "serial") == 0)
        return run_here(&l);
    if (strcmp(backend, "process") == 0)
        return run_in_pool(&l, conn, "default");
    if (strcmp(backend, "thread") == 0)
        return run_in_pool(&l, conn, "threads");
    return jd_error_set(reterr, JOBD_E_INVAL,
                        "no backend '%s': there are process, thread and serial", backend);
}
