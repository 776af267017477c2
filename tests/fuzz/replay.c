// Runs a fuzz target on every file of the directories given: what the fuzzers found once stays
// found with any compiler. No input at all is a failure: it would mean the corpus is not where it
// should be.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static void fail(const char *what, const char *path) {
    fprintf(stderr, "%s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

// The input is in a block of exactly its size, so that a sanitizer sees one byte too far.
static void replay_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        fail("cannot open", path);
    long size = ftell(f);
    rewind(f);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (!data || size < 0 || fread(data, 1, (size_t)size, f) != (size_t)size)
        fail("cannot read", path);
    fclose(f);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

static unsigned replay_dir(const char *dir) {
    DIR *d = opendir(dir);
    if (!d)
        fail("cannot open the directory", dir);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        replay_file(path);
        n++;
    }
    closedir(d);
    return n;
}

int main(int argc, char **argv) {
    unsigned n = 0;
    for (int i = 1; i < argc; i++)
        n += replay_dir(argv[i]);
    printf("replayed %u inputs\n", n);
    return n > 0 ? 0 : 1;
}
