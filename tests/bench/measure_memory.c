// What a queued job costs the daemon in memory, and what the daemon costs when it has nothing to
// do. A process keeps memory it once had, so every round has its own daemon.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "rounds.h"
#include "service.h"

enum { JOBS = 1000000, JOBS_QUICK = 50000 };
enum { PER_JOB, PER_JOB_RESIDENT, PER_FUTURE, N_METRICS };

static const struct target per_job_target = {TARGET_AT_MOST, 110.0};
static const struct target idle_target = {TARGET_AT_MOST, 4.0};

struct run {
    const struct bench *b;
    unsigned n_jobs;
    jobd_future **fs;
};

struct memory { // bytes
    double resident, swapped, page_tables;
};

static double memory_all(struct memory m) {
    return m.resident + m.swapped + m.page_tables;
}

// Bytes; negative = not found.
static double read_field(const char *path, const char *key) {
    char line[256];
    double kib = -1;
    FILE *f = fopen(path, "re");
    if (!f)
        return -1;
    while (kib < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            kib = strtod(line + strlen(key), NULL);
    fclose(f);
    return kib * 1024;
}

static int memory_of(pid_t pid, struct memory *ret) {
    char rollup[64], status[64];
    snprintf(rollup, sizeof rollup, "/proc/%d/smaps_rollup", pid);
    snprintf(status, sizeof status, "/proc/%d/status", pid);
    *ret = (struct memory){read_field(rollup, "Rss:"), read_field(rollup, "Swap:"),
                           read_field(status, "VmPTE:")};
    if (ret->resident < 0 || ret->swapped < 0 || ret->page_tables < 0)
        return bench_fail("cannot read %s: %s", rollup, strerror(errno));
    return 0;
}

static int read_both(pid_t daemon, struct memory ret[2]) {
    malloc_trim(0); // what earlier rounds left must not hide what this one takes
    return memory_of(daemon, &ret[0]) < 0 || memory_of(getpid(), &ret[1]) < 0 ? -1 : 0;
}

static int grow(const struct service *s, const struct run *run, double *ret_bytes) {
    struct memory before[2], after[2];
    double n = (double)run->n_jobs;
    if (read_both(s->pid, before) < 0 || service_queue_noops(s, run->fs, run->n_jobs) < 0 ||
        read_both(s->pid, after) < 0)
        return -1;
    ret_bytes[PER_JOB] = (memory_all(after[0]) - memory_all(before[0])) / n;
    ret_bytes[PER_JOB_RESIDENT] = (after[0].resident - before[0].resident) / n;
    ret_bytes[PER_FUTURE] = (memory_all(after[1]) - memory_all(before[1])) / n;
    return 0;
}

static int queued_round(void *self, double *ret_bytes) {
    const struct run *run = (const struct run *)self;
    struct service s;
    jobd_conn *occupier = NULL;
    if (service_start(run->b, WORKERS_MAX, NULL, &s) < 0)
        return -1;
    int r = service_occupy(&s, &occupier);
    if (r == 0)
        r = grow(&s, run, ret_bytes);
    for (unsigned i = 0; i < run->n_jobs; i++) {
        jobd_future_unref(run->fs[i]);
        run->fs[i] = NULL;
    }
    jobd_close(occupier);
    service_stop(&s);
    return r;
}

static int idle_round(void *self, double *ret_mib) {
    const struct run *run = (const struct run *)self;
    struct service s;
    struct memory m;
    if (service_start(run->b, WORKERS_MAX, NULL, &s) < 0)
        return -1;
    int r = memory_of(s.pid, &m);
    *ret_mib = m.resident / (1024 * 1024);
    service_stop(&s);
    return r;
}

static void add_row(struct bench *b, const char *name, const char *unit, const struct series *value,
                    struct target target) {
    report_add(b->report,
               &(struct report_row){.name = name, .unit = unit, .value = value, .target = target});
}

int measure_memory(struct bench *b) {
    struct run run = {.b = b, .n_jobs = b->quick ? JOBS_QUICK : JOBS};
    struct variant v = {
        .name = "queued jobs", .round = queued_round, .self = &run, .n_metrics = N_METRICS};
    if (!b->daemon)
        return 0;
    run.fs = jd_zalloc(run.n_jobs * sizeof(jobd_future *));
    if (!run.fs)
        return bench_fail("out of memory");
    int r = rounds_run(b, &v, 1);
    jd_free(run.fs);
    if (r < 0 || b->hold_s)
        return r;
    add_row(b, "memory.queued", "B/job", &v.metric[PER_JOB], per_job_target);
    add_row(b, "memory.queued.rss", "B/job", &v.metric[PER_JOB_RESIDENT], (struct target){0});
    add_row(b, "memory.future", "B/job", &v.metric[PER_FUTURE], (struct target){0});
    report_note(b->report,
                "memory: %u jobs with %d bytes of arguments queued behind busy workers; "
                "queued = resident + swap + page tables of the daemon, future = of the client",
                run.n_jobs, PAYLOAD_BYTES);
    return 0;
}

int measure_idle(struct bench *b) {
    struct run run = {.b = b};
    struct variant v = {.name = "idle daemon", .round = idle_round, .self = &run, .n_metrics = 1};
    if (!b->daemon)
        return 0;
    int r = rounds_run(b, &v, 1);
    if (r < 0 || b->hold_s)
        return r;
    add_row(b, "memory.idle", "MiB", &v.metric[0], idle_target);
    return 0;
}
