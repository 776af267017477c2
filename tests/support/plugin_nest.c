// Tasks that call others, and keep count of how many compute at one time. The counters are a file that
// all processes map.
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jobd/task.h>

#include "plugin_nest.h"

enum { PATH_BYTES = 256, WIDTH_MAX = 64, COMPUTE_NS = 1000000 };

// ---- the counters ----

static struct nest_counts *map_counts(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *p =
        fd < 0 ? MAP_FAILED
               : mmap(NULL, sizeof(struct nest_counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return p == MAP_FAILED ? NULL : p;
}

static void compute(const jobd_host *host, jobd_task_ctx *ctx, struct nest_counts *counts) {
    uint32_t now = atomic_fetch_add(&counts->now, 1) + 1, most = atomic_load(&counts->most);
    while (now > most && !atomic_compare_exchange_weak(&counts->most, &most, now))
        continue;
    uint64_t since_ns = host->now_ns(ctx);
    while (host->now_ns(ctx) - since_ns < COMPUTE_NS)
        continue;
    atomic_fetch_sub(&counts->now, 1);
}

// ---- a tree of calls ----

struct tree {
    char path[PATH_BYTES];
    int64_t depth, width, caller;
};

static int read_tree(jobd_bytes args, struct tree *t) {
    jobd_reader r = jobd_reader_of(args);
    jobd_bytes path = {0};
    uint32_t n;
    jobd_read_array(&r, &n);
    jobd_read_str(&r, &path);
    jobd_read_i64(&r, &t->depth);
    jobd_read_i64(&r, &t->width);
    if (jobd_read_i64(&r, &t->caller) < 0 || path.len >= PATH_BYTES || t->width > WIDTH_MAX)
        return -1;
    memcpy(t->path, path.data, path.len);
    t->path[path.len] = '\0';
    return 0;
}

static void put_tree(jobd_args *a, const struct tree *t) {
    jobd_args_array(a, 4);
    jobd_args_str(a, t->path);
    jobd_args_i64(a, t->depth);
    jobd_args_i64(a, t->width);
    jobd_args_i64(a, t->caller);
}

static int give_sum(const jobd_host *host, jobd_task_ctx *ctx, int64_t sum) {
    jobd_bytes value;
    jobd_args *a = jobd_args_new();
    jobd_args_i64(a, sum);
    int r = jobd_args_finish(a, &value);
    r = r ? r : host->result(ctx, value);
    jobd_args_free(a);
    return r;
}

// The leaves below: `width` trees that are one less deep.
static int call_all(const jobd_host *host, jobd_task_ctx *ctx, const struct tree *t, int64_t *ret) {
    struct tree below = *t;
    jobd_bytes params, results;
    uint32_t n = 0;
    jobd_args *a = jobd_args_new();
    below.depth--;
    below.caller = getpid();
    jobd_args_array(a, 2);
    jobd_args_str(a, "nest.tree");
    jobd_args_array(a, (uint32_t)t->width);
    for (int64_t i = 0; i < t->width; i++)
        put_tree(a, &below);
    int r = jobd_args_finish(a, &params);
    r = r ? r : host->call(ctx, "map", params, JOBD_FOREVER, &results);
    jobd_args_free(a);
    if (r < 0)
        return r;
    jobd_reader reader = jobd_reader_of(results);
    *ret = 0;
    jobd_read_array(&reader, &n);
    for (int64_t v = 0; n > 0 && jobd_read_i64(&reader, &v) == 0; n--)
        *ret += v;
    return reader.err;
}

static int tree(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    struct tree t;
    int64_t sum = 1;
    if (read_tree(args, &t) < 0)
        return host->fail(ctx, "bad_args", "nest.tree takes [path, depth, width, caller]");
    struct nest_counts *counts = map_counts(t.path);
    if (!counts)
        return host->fail(ctx, "no_counts", "cannot map the file of counters");
    atomic_fetch_add(&counts->calls, 1);
    atomic_fetch_add(&counts->here, t.caller == getpid());
    compute(host, ctx, counts);
    int r = t.depth > 0 ? call_all(host, ctx, &t, &sum) : 0;
    compute(host, ctx, counts);
    munmap(counts, sizeof *counts);
    return r < 0 ? r : give_sum(host, ctx, sum);
}

// ---- any map ----

static int map_within(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes params,
                      int64_t timeout_ms) {
    jobd_bytes results;
    int r = host->call(ctx, "map", params, timeout_ms, &results);
    return r < 0 ? r : host->result(ctx, results);
}

static int map(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    return map_within(host, ctx, args, JOBD_FOREVER);
}

static int map_briefly(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    return map_within(host, ctx, args, NEST_BRIEFLY_MS);
}

static const jobd_task_def tasks[] = {
    {"nest.tree", tree, 0, "[counters, depth, width, caller's pid] -> how many leaves"},
    {"nest.map", map, 0, "[task, [arguments, ...]] -> the results"},
    {"nest.map_briefly", map_briefly, 0, "the same, with a time limit of the call's own"},
};

static const jobd_task_module module = JOBD_TASK_MODULE("nest", "1", tasks);

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
