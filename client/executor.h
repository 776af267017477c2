// Executors: the handles that jobs are submitted by. Each knows its open futures, in the order of
// submission.
#ifndef JD_EXECUTOR_H
#define JD_EXECUTOR_H

#include "conn.h"
#include "msg.h"

struct jobd_executor {
    jobd_conn *conn; // holds a reference
    jobd_future *first;
    jobd_future *last;
    uint32_t n_refs; // the program's, one of each open future, one of each call inside
    uint32_t id;
    bool is_shut; // takes no more jobs
};

jobd_executor *jd_executor_ref(jobd_executor *ex);
void jd_executor_unref(jobd_executor *ex);

void jd_executor_add(jobd_executor *ex, jobd_future *f);
// Does nothing if the future is in no list.
void jd_executor_remove(jobd_future *f);

void jd_executors_on_opened(jobd_conn *c, uint32_t id, const struct jd_msg *reply);
// The daemon's words when it refused to open this executor; NULL = it did not.
const struct jd_fault *jd_executors_refusal(const jobd_conn *c, uint32_t id);
void jd_executors_free_all(jobd_conn *c);

#endif
