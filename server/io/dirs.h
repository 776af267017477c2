// Directories that hold what only the owner may touch.
#ifndef IO_DIRS_H
#define IO_DIRS_H

#include "fault.h"

// Makes the directory (0700, its parents as well) unless it is there; then nobody but us and root
// may be able to write to it. what: "the socket", for the sentence. 0 | -1 with *f.
int dirs_private(const char *path, const char *what, struct fault *f);

#endif
