// Opening a connection: address, socket, HELLO.
#ifndef JD_CONNECT_H
#define JD_CONNECT_H

#include "conn.h"
#include "msg.h"

// The first message of the daemon, which must answer our HELLO.
void jd_connect_on_first(jobd_conn *c, struct jd_msg *msg);

// Ends the connection if the daemon took too long to answer.
void jd_connect_check_time(jobd_conn *c);

#endif
