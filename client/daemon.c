// Questions to the daemon itself.
#include "call.h"
#include "options.h"

int jobd_conn_ping(jobd_conn *conn, int64_t timeout_ms, int64_t *ret_rtt_ns) {
    struct jd_msg msg = {.op = JD_OP_PING};
    struct jd_call call;
    uint64_t start_ns = jd_clock_ns();
    int r = jd_calls_ask(conn, &msg, &call, timeout_ms);
    if (r < 0)
        return r;
    if (ret_rtt_ns)
        *ret_rtt_ns = (int64_t)(call.done_ns - start_ns);
    return 0;
}

static int ask_map(jobd_conn *conn, struct jd_msg *msg, int64_t timeout_ms, jobd_bytes *ret_map) {
    struct jd_call call;
    int r = jd_calls_ask(conn, msg, &call, timeout_ms);
    if (r < 0)
        return r;
    *ret_map = jd_buf_view(&conn->answer);
    return 0;
}

int jobd_daemon_status(jobd_conn *conn, int64_t timeout_ms, jobd_bytes *ret_map) {
    struct jd_msg msg = {.op = JD_OP_STATUS};
    return ask_map(conn, &msg, timeout_ms, ret_map);
}

static int ask_rows(jobd_conn *conn, struct jd_msg *msg, int64_t timeout_ms, uint64_t *cursor,
                    jobd_bytes *ret_rows) {
    struct jd_call call;
    int r = jd_calls_ask(conn, msg, &call, timeout_ms);
    if (r < 0)
        return r;
    *cursor = call.number;
    *ret_rows = jd_buf_view(&conn->answer);
    return 0;
}

static int list(jobd_conn *conn, uint16_t op, int64_t timeout_ms, uint64_t *cursor,
                jobd_bytes *ret_rows) {
    struct jd_msg msg = {.op = op, .u.page.cursor = *cursor};
    return ask_rows(conn, &msg, timeout_ms, cursor, ret_rows);
}

int jobd_daemon_workers(jobd_conn *conn, int64_t timeout_ms, uint64_t *cursor,
                        jobd_bytes *ret_rows) {
    return list(conn, JD_OP_WORKERS, timeout_ms, cursor, ret_rows);
}

int jobd_daemon_tasks(jobd_conn *conn, int64_t timeout_ms, uint64_t *cursor, jobd_bytes *ret_rows) {
    return list(conn, JD_OP_TASKS, timeout_ms, cursor, ret_rows);
}

int jobd_daemon_pools(jobd_conn *conn, int64_t timeout_ms, uint64_t *cursor, jobd_bytes *ret_rows) {
    return list(conn, JD_OP_POOLS, timeout_ms, cursor, ret_rows);
}

int jobd_daemon_jobs(jobd_conn *conn, const jobd_job_filter *filter, int64_t timeout_ms,
                     uint64_t *cursor, jobd_bytes *ret_rows) {
    struct jd_msg msg = {.op = JD_OP_JOBS};
    jobd_job_filter o = {0};
    int r = jd_options_copy(&o, sizeof o, filter);
    if (r < 0)
        return r;
    msg.u.jobs = (struct jd_jobs){
        .cursor = *cursor,
        .states = o.states,
        .pool = jd_text(o.pool ? o.pool : ""),
        .task = jd_text(o.task ? o.task : ""),
        .label = jd_text(o.label ? o.label : ""),
    };
    const struct jd_jobs *jobs = &msg.u.jobs;
    if (jobs->states > UINT16_MAX || jobs->pool.len > JD_NAME_MAX || jobs->task.len > JD_NAME_MAX ||
        jobs->label.len > JD_NAME_MAX)
        return JOBD_E_INVAL;
    return ask_rows(conn, &msg, timeout_ms, cursor, ret_rows);
}

int jobd_job_why(jobd_conn *conn, uint64_t job_id, int64_t timeout_ms, jobd_bytes *ret_map) {
    struct jd_msg msg = {.op = JD_OP_WHY, .u.why.job = job_id};
    return ask_map(conn, &msg, timeout_ms, ret_map);
}

int jobd_daemon_shutdown(jobd_conn *conn, bool now, int64_t timeout_ms) {
    struct jd_msg msg = {.op = JD_OP_SHUTDOWN, .u.shutdown.now = now};
    struct jd_call call;
    return jd_calls_ask(conn, &msg, &call, timeout_ms);
}
