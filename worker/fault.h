// Why something could not be done: one English sentence in a jobd_error, fit to print as it stands.
#ifndef WORKER_FAULT_H
#define WORKER_FAULT_H

#include <jobd/types.h>

#include "guard.h"

// Returns code, so that a function may `return fault_set(reterr, code, ...)`. reterr may be NULL.
int fault_set(jobd_error *reterr, int code, const char *fmt, ...) JD_PRINTF(3, 4);
// The same for a failed system call: JOBD_E_SYS, errno is kept and its text is added to the
// sentence.
int fault_sys(jobd_error *reterr, const char *what);

#endif
