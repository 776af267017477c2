#include "io/dirs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_with_parents(char *path) {
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        int r = mkdir(path, 0700);
        *p = '/';
        if (r < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
            return -1;
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

int dirs_private(const char *path, const char *what, struct fault *f) {
    char copy[PATH_MAX];
    struct stat st;
    if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy)
        return fault_set(f, FAULT_CREATE, "the path of the directory for %s is too long", what);
    if (stat(path, &st) < 0 && (make_with_parents(copy) < 0 || stat(path, &st) < 0))
        return fault_sys(f, FAULT_CREATE, "cannot make the directory %s for %s", path, what);
    if (!S_ISDIR(st.st_mode))
        return fault_set(f, FAULT_CREATE, "%s, where %s should be, is not a directory", path, what);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return fault_set(
            f, FAULT_CREATE,
            "the directory %s for %s belongs to user %u; use one that belongs to user %u", path,
            what, (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return fault_set(
            f, FAULT_CREATE,
            "the directory %s for %s can be written to by others (mode %04o); use one of "
            "your own, or chmod go-w it",
            path, what, st.st_mode & 07777u);
    return 0;
}
