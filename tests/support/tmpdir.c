#include "support/tmpdir.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/proc.h"

enum { REMOVE_TRIES = 5, REMOVE_FDS = 16 };

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st;
    (void)kind;
    (void)where;
    return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

// Whoever still wrote there is dying with the test, so a second try finds it quiet.
_Noreturn static void watch_over(const char *path, int pipe_end) {
    char byte;
    for (int sig = 1; sig <= SIGTERM; sig++)
        signal(sig, SIG_IGN); // a ^C is for the test
    dup2(pipe_end, STDIN_FILENO);
    close_range(1, ~0u, 0);
    while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
        continue;
    for (int i = 0; i < REMOVE_TRIES; i++)
        if (nftw(path, remove_one, REMOVE_FDS, FTW_DEPTH | FTW_PHYS) == 0)
            break;
    _exit(0);
}

void tmpdir_make(struct tmpdir *t) {
    int ends[2];
    snprintf(t->path, sizeof t->path, "/tmp/jobd-test-XXXXXX");
    cr_assert(mkdtemp(t->path), "cannot make a directory in /tmp: %s", strerror(errno));
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    t->janitor = proc_fork(false);
    if (t->janitor == 0)
        watch_over(t->path, ends[0]);
    close(ends[0]);
    t->keeper = ends[1];
}

void tmpdir_remove(struct tmpdir *t) {
    if (t->janitor == 0)
        return;
    close(t->keeper);
    proc_wait(t->janitor);
    cr_assert(access(t->path, F_OK) < 0, "%s could not be removed", t->path);
    *t = (struct tmpdir){0};
}

char *tmpdir_join(const struct tmpdir *t, const char *name, char *out, size_t size) {
    int n = snprintf(out, size, "%s/%s", t->path, name);
    cr_assert(n > 0 && (size_t)n < size);
    return out;
}

void tmpdir_write(const char *path, const char *text, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

void tmpdir_read(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
    ssize_t n = read(fd, text, size - 1);
    cr_assert_geq(n, 0);
    close(fd);
    text[n] = '\0';
}
