// Pipes, as the rest of the library needs them.
#ifndef JD_PIPE_H
#define JD_PIPE_H

#include <jobd/jobd.h>

#include "guard.h"

enum { JD_PIPE_MESSAGE_MAX_BYTES = 1048576 };

// Can this end be handed over? 0 | JOBD_E_STATE (closed, handed over, or half a message was read).
JD_MUST_USE int jd_pipe_check(const jobd_pipe *p);

// It was handed over: its descriptor belongs to somebody else, and the pipe is closed here.
void jd_pipe_release(jobd_pipe *p);

#endif
