// A private directory for one test. It goes with tmpdir_remove(), and also when the test fails,
// crashes or is killed: a small process of its own watches over it.
#ifndef TESTS_TMPDIR_H
#define TESTS_TMPDIR_H

#include <sys/types.h>

struct tmpdir {
    char path[64]; // short, so that a socket's path fits
    int keeper;    // the directory lives as long as this pipe's end is open
    pid_t janitor;
};

void tmpdir_make(struct tmpdir *t);
void tmpdir_remove(struct tmpdir *t); // a directory of zeros is allowed

// "path/name" into out, which must be large enough; returns out.
char *tmpdir_join(const struct tmpdir *t, const char *name, char *out, size_t size);
// Writes a whole file. mode as for open().
void tmpdir_write(const char *path, const char *text, mode_t mode);
// Reads a whole small file; text is terminated.
void tmpdir_read(const char *path, char *text, size_t size);

#endif
