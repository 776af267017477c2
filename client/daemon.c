// Questions to the daemon itself.
#include "call.h"

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

int jobd_daemon_status(jobd_conn *conn, int64_t timeout_ms, jobd_bytes *ret_map) {
    struct jd_msg msg = {.op = JD_OP_STATUS};
    struct jd_call call;
    int r = jd_calls_ask(conn, &msg, &call, timeout_ms);
    if (r < 0)
        return r;
    *ret_map = jd_buf_view(&conn->answer);
    return 0;
}

static int list(jobd_conn *conn, uint16_t op, int64_t timeout_ms, uint64_t *cursor,
                jobd_bytes *ret_rows) {
    struct jd_msg msg = {.op = op, .u.page.cursor = *cursor};
    struct jd_call call;
    int r = jd_calls_ask(conn, &msg, &call, timeout_ms);
    if (r < 0)
        return r;
    *cursor = call.cursor;
    *ret_rows = jd_buf_view(&conn->answer);
    return 0;
}

int jobd_daemon_workers(jobd_conn *conn, int64_t timeout_ms, uint64_t *cursor,
                        jobd_bytes *ret_rows) {
    return list(conn, JD_OP_WORKERS, timeout_ms, cursor, ret_rows);
}

int jobd_daemon_tasks(jobd_conn *conn, int64_t timeout_ms, uint64_t *cursor, jobd_bytes *ret_rows) {
    return list(conn, JD_OP_TASKS, timeout_ms, cursor, ret_rows);
}

int jobd_daemon_shutdown(jobd_conn *conn, bool now, int64_t timeout_ms) {
    struct jd_msg msg = {.op = JD_OP_SHUTDOWN, .u.shutdown.now = now};
    struct jd_call call;
    return jd_calls_ask(conn, &msg, &call, timeout_ms);
}
