// Named pools, shared by every program of the machine.
#include "call.h"
#include "options.h"

static int ask(jobd_conn *conn, struct jd_msg *msg, int64_t timeout_ms) {
    struct jd_call call;
    return jd_calls_ask(conn, msg, &call, timeout_ms);
}

static bool name_ok(const char *name) {
    return name && jd_name_ok(jd_text(name), JD_NAME_MAX);
}

static bool options_ok(const jobd_conn *c, const jobd_pool_options *o) {
    if (o->workers > JD_WORKERS_MAX || o->threads > JD_THREADS_MAX || o->max_lent > JD_WORKERS_MAX)
        return false;
    if (!o->initializer)
        return o->init_args.len == 0;
    return name_ok(o->initializer) && (o->init_args.data || o->init_args.len == 0) &&
           o->init_args.len <= jobd_conn_max_payload(c);
}

int jobd_pool_create(jobd_conn *conn, const char *pool, const jobd_pool_options *opts,
                     int64_t timeout_ms) {
    static const unsigned char no_args[] = {0x90}; // an empty array
    jobd_pool_options o = {0};
    int r = jd_conn_check(conn);
    r = r ? r : jd_options_copy(&o, sizeof o, opts);
    if (r == 0 && (!name_ok(pool) || !options_ok(conn, &o)))
        r = JOBD_E_INVAL;
    if (r < 0)
        return r;
    if (o.initializer && o.init_args.len == 0)
        o.init_args = (jobd_bytes){no_args, sizeof no_args};
    struct jd_msg msg = {.op = JD_OP_POOL_CREATE};
    msg.u.pool_create = (struct jd_pool_create){
        .pool = jd_text(pool),
        .workers = o.workers,
        .threads = o.threads ? o.threads : 1,
        .initializer = jd_text(o.initializer ? o.initializer : ""),
        .init_args = o.init_args,
        .recycle_jobs = o.recycle_jobs,
        .recycle_rss_bytes = o.recycle_rss_bytes,
        .max_lent = o.max_lent,
    };
    return ask(conn, &msg, timeout_ms);
}

int jobd_pool_resize(jobd_conn *conn, const char *pool, uint32_t workers, int64_t timeout_ms) {
    struct jd_msg msg = {.op = JD_OP_POOL_RESIZE};
    if (!name_ok(pool) || workers > JD_WORKERS_MAX)
        return JOBD_E_INVAL;
    msg.u.pool_resize = (struct jd_pool_resize){.pool = jd_text(pool), .workers = workers};
    return ask(conn, &msg, timeout_ms);
}

int jobd_pool_pause(jobd_conn *conn, const char *pool, bool paused, int64_t timeout_ms) {
    struct jd_msg msg = {.op = JD_OP_POOL_PAUSE};
    if (!name_ok(pool))
        return JOBD_E_INVAL;
    msg.u.pool_pause = (struct jd_pool_pause){.pool = jd_text(pool), .paused = paused};
    return ask(conn, &msg, timeout_ms);
}

int jobd_pool_drain(jobd_conn *conn, const char *pool, int64_t timeout_ms) {
    struct jd_msg msg = {.op = JD_OP_POOL_DRAIN};
    if (!name_ok(pool))
        return JOBD_E_INVAL;
    msg.u.pool_drain.pool = jd_text(pool);
    return ask(conn, &msg, timeout_ms);
}

int jobd_pool_delete(jobd_conn *conn, const char *pool, bool now, int64_t timeout_ms) {
    struct jd_msg msg = {.op = JD_OP_POOL_DELETE};
    if (!name_ok(pool))
        return JOBD_E_INVAL;
    msg.u.pool_delete = (struct jd_pool_delete){.pool = jd_text(pool), .now = now};
    return ask(conn, &msg, timeout_ms);
}
