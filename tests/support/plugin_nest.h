// What the tasks of plugin_nest.c count, in a file that tests and tasks map. It begins as zeros.
#ifndef TESTS_PLUGIN_NEST_H
#define TESTS_PLUGIN_NEST_H

#include <stdatomic.h>
#include <stdint.h>

enum { NEST_BRIEFLY_MS = 100 };

struct nest_counts {
    _Atomic uint32_t now;   // tasks that compute; those that wait in a call do not
    _Atomic uint32_t most;  // the most there were of them
    _Atomic uint32_t calls; // runs of the task
    _Atomic uint32_t here;  // of those, in the process of their caller
};

#endif
