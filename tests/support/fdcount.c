#include "support/fdcount.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

size_t fd_count_of(pid_t pid, const char *kind) {
    char path[320], link[64];
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    cr_assert(dir, "cannot read %s", path);
    for (const struct dirent *e; (e = readdir(dir));) {
        snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)pid, e->d_name);
        ssize_t len = readlink(path, link, sizeof link - 1);
        if (len < 0) // "." and "..", or closed meanwhile
            continue;
        link[len] = '\0';
        n += strncmp(link, kind, strlen(kind)) == 0;
    }
    closedir(dir);
    return n;
}

size_t fd_count(pid_t pid) {
    return fd_count_of(pid, "");
}
