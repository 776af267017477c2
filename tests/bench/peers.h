// Python's own pools, in one interpreter that is asked for a figure at a time. Whoever is not
// installed is left out, and the report says so.
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stdio.h>
#include <sys/types.h>

#include "bench.h"

struct peers {
    pid_t pid; // 0 = there is no Python
    FILE *talk;
    char names[128]; // what it can be asked for, each with a blank behind it
};

// Notes in the report who is missing. Nothing here is an error.
void peers_start(const struct bench *b, struct peers *ret);
// Waits for every child of this process: nothing else may run.
void peers_stop(struct peers *p);
bool peers_have(const struct peers *p, const char *name);
// One figure. 0 | -1 (said why).
int peers_ask(struct peers *p, const char *name, double *ret);

// The role that becomes the interpreter: args[0] quick or full.
int peers_python(char **args);

#endif
