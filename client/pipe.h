// Pipes, as the rest of the library needs them.
#ifndef JD_PIPE_H
#define JD_PIPE_H

#include <jobd/jobd.h>

#include "guard.h"

enum { JD_PIPE_MESSAGE_MAX_BYTES = 1048576 };

// Can this end be handed over? 0 | JOBD_E_STATE (closed, handed over, or half a message was read).
JD_MUST_USE int jd_pipe_check(const jobd_pipe *p);

// Hands its descriptor over: from now on the pipe is closed here, and the descriptor the caller's.
JD_MUST_USE int jd_pipe_take_fd(jobd_pipe *p);

#endif
