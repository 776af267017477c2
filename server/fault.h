// Why the daemon cannot start: an exit code and one English sentence, fit to print as it stands.
#ifndef SERVER_FAULT_H
#define SERVER_FAULT_H

#include "guard.h"

enum fault_code {
    FAULT_USAGE = 2,     // the command line
    FAULT_INTERNAL = 70, // memory, or the system refuses what it never should
    FAULT_CREATE = 73,   // the socket or the state cannot be made or read
    FAULT_RUNNING = 75,  // another master is at work there
    FAULT_CONFIG = 78,   // the configuration
};

struct fault {
    enum fault_code code;
    char text[768];
};

// Returns -1, so that a function may `return fault_set(f, ...)`.
int fault_set(struct fault *f, enum fault_code code, const char *fmt, ...) JD_PRINTF(3, 4);
// The same for a failed system call: the text of errno is added to the sentence.
int fault_sys(struct fault *f, enum fault_code code, const char *fmt, ...) JD_PRINTF(3, 4);

#endif
