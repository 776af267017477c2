// Events of the whole daemon, for a program that watches it.
#ifndef JD_WATCH_H
#define JD_WATCH_H

#include "conn.h"
#include "msg.h"

void jd_watch_on_happened(jobd_conn *c, const struct jd_happened *event);

#endif
