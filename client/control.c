// Jobs by their id, whoever submitted them.
#include "call.h"

enum { SIGNAL_MAX = 64 };

int jobd_job_cancel(jobd_conn *conn, uint64_t job_id, int64_t timeout_ms) {
    struct jd_msg msg = {.op = JD_OP_CANCEL, .u.cancel.job = job_id};
    struct jd_call call;
    if (job_id == 0) // to the daemon that would be a handle
        return JOBD_E_INVAL;
    int r = jd_calls_ask(conn, &msg, &call, timeout_ms);
    if (r == 0)
        return call.number > 0;
    return r == JOBD_E_NOENT ? 0 : r;
}

int jobd_job_abort(jobd_conn *conn, uint64_t job_id, int64_t grace_ms, bool force,
                   int64_t timeout_ms) {
    struct jd_msg msg = {.op = JD_OP_ABORT};
    struct jd_call call;
    if (job_id == 0 || grace_ms < 0 || grace_ms > INT64_MAX / JD_MS_NS)
        return JOBD_E_INVAL;
    msg.u.abort = (struct jd_abort){.job = job_id, .grace_ms = (uint64_t)grace_ms, .force = force};
    int r = jd_calls_ask(conn, &msg, &call, timeout_ms);
    if (r == 0)
        return (int)call.number;
    return r == JOBD_E_NOENT ? 0 : r;
}

int jobd_job_signal(jobd_conn *conn, uint64_t job_id, int signal, int64_t timeout_ms) {
    struct jd_msg msg = {.op = JD_OP_SIGNAL};
    struct jd_call call;
    if (job_id == 0 || signal < 1 || signal > SIGNAL_MAX)
        return JOBD_E_INVAL;
    msg.u.signal = (struct jd_signal){.job = job_id, .signal = (uint64_t)signal};
    return jd_calls_ask(conn, &msg, &call, timeout_ms);
}
