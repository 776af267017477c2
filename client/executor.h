// Executors, as the rest of the library needs them.
#ifndef JD_EXECUTOR_H
#define JD_EXECUTOR_H

#include "conn.h"
#include "msg.h"

void jd_executors_on_opened(jobd_conn *c, uint32_t id, const struct jd_msg *reply);
// The daemon's words when it refused to open this executor; NULL = it did not.
const struct jd_fault *jd_executors_refusal(const jobd_conn *c, uint32_t id);
void jd_executors_free_all(jobd_conn *c);

#endif
