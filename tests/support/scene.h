// What most tests of jobs begin with: a daemon with the plugins evil, drill and nest, all workers ready,
// one client, and a gate for jobs to wait at.
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include "support/client.h"
#include "support/daemon.h"
#include "support/listing.h"

struct scene {
    struct test_daemon d;
    struct test_client c;
    char plugins[1024];
    char gate[96];  // of demo.until; not there yet
    char marks[96]; // for drill.mark
};

// config: lines besides, or NULL.
void scene_set(struct scene *s, unsigned workers, const char *config);
// From now on its client submits to this pool.
void scene_use_pool(struct scene *s, const char *pool);
// Stops it in good order and frees everything.
void scene_end(struct scene *s);

// A job that runs, and is seen running, until the gate is open. It is not idempotent.
jobd_future *scene_occupy(struct scene *s);
void scene_open_gate(struct scene *s);

// How often each n of drill.mark was begun: counts[n] for n < size.
void scene_read_marks(const struct scene *s, unsigned *counts, size_t size);

// Waits until nothing is queued, nothing runs, and every worker is ready.
void scene_wait_quiet(struct scene *s);

#endif
