// The arguments of a task, written as JSON: an array holds them, any other value is the one
// argument, NULL is none, "-" reads them from standard input.
#ifndef CTL_ARGUMENTS_H
#define CTL_ARGUMENTS_H

#include "ctl.h"

#define ARGUMENTS_DOC                                                                              \
    "JSON: an array holds the arguments, any other value is the one argument, none is none; "      \
    "- reads it from standard input. Bytes are {\"$bin\": \"base 64\"}, integers above 2^63 - 1 "  \
    "{\"$u64\": \"digits\"}."

struct arguments {
    jobd_args *builder;
    jobd_bytes bytes; // one msgpack array, as long as the builder lives
};

// 0 | an exit code after printing why. arguments_free() either way.
int arguments_read(const struct ctl *ctl, const char *text, struct arguments *ret);
void arguments_free(struct arguments *a);

#endif
