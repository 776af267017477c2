// A plugin for tests of what only a running worker shows: initializers, logs, maps, threads.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jobd/task.h>

enum { LOG_LINES = 20000, SLICE_NS = 1000000 };

static atomic_uint n_init, n_inside;

static int give_u64(const jobd_host *host, jobd_task_ctx *ctx, uint64_t v) {
    jobd_bytes value;
    jobd_args *a = jobd_args_new();
    jobd_args_u64(a, v);
    int r = jobd_args_finish(a, &value);
    r = r ? r : host->result(ctx, value);
    jobd_args_free(a);
    return r;
}

static int first_u64(jobd_bytes args, uint64_t *ret) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n;
    jobd_read_array(&r, &n);
    return jobd_read_u64(&r, ret);
}

static int init(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    uint64_t n = 0;
    host->log(ctx, 2, "initializing");
    if (first_u64(args, &n) < 0)
        return host->fail(ctx, "bad_args", "init takes [n]");
    n_init = (unsigned)n;
    return 0;
}

static int inits(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
    return give_u64(host, ctx, n_init);
}

static int chatter(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
    for (int i = 0; i < LOG_LINES; i++)
        host->log(ctx, 1, "line %d", i);
    return 0;
}

static int square(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    uint64_t n = 0;
    if (first_u64(args, &n) < 0)
        return host->fail(ctx, "bad_args", "square takes [n]");
    return n == 13 ? host->fail(ctx, "unlucky", "13 is refused") : give_u64(host, ctx, n * n);
}

// [task, [arguments, ...], timeout_ms] -> what host->call() gave.
static int map(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    const unsigned char *from;
    int64_t timeout_ms = JOBD_FOREVER;
    uint32_t n;
    jobd_read_array(&r, &n);
    from = r.pos;
    jobd_read_skip(&r);
    jobd_read_skip(&r);
    size_t len = (size_t)(r.pos - from);
    jobd_read_i64(&r, &timeout_ms);
    if (r.err || n != 3)
        return host->fail(ctx, "bad_args", "map takes [task, items, timeout_ms]");
    unsigned char *params = host->alloc(ctx, len + 1);
    jobd_bytes result;
    params[0] = 0x92;
    memcpy(params + 1, from, len);
    int e = host->call(ctx, "map", (jobd_bytes){params, len + 1}, timeout_ms, &result);
    return e < 0 ? e : host->result(ctx, result);
}

// Until n of these run at once, in this process.
static int meet(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    const struct timespec slice = {.tv_nsec = SLICE_NS};
    uint64_t n = 0;
    if (first_u64(args, &n) < 0)
        return host->fail(ctx, "bad_args", "meet takes [n]");
    for (n_inside++; n_inside < n; nanosleep(&slice, NULL))
        if (host->cancelled(ctx)) {
            n_inside--;
            return JOBD_E_CANCELLED;
        }
    return give_u64(host, ctx, n);
}

static int unknown_call(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_bytes result;
    return host->call(ctx, "no.such.thing", args, JOBD_FOREVER, &result);
}

// Every message of pipe 0 comes back through it; at its end, how many there were.
static int reflect(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_bytes message;
    uint64_t n = 0;
    int r;
    (void)args;
    while ((r = host->pipe_recv(ctx, 0, JOBD_FOREVER, &message)) == 0) {
        if ((r = host->pipe_send(ctx, 0, message, JOBD_FOREVER)) < 0)
            return r;
        n++;
    }
    return r == JOBD_E_QCLOSED ? give_u64(host, ctx, n) : r;
}

static const jobd_task_def tasks[] = {
    {"work.init", init, 0, "[n] -> nil; n is kept"},
    {"work.inits", inits, 0, "[] -> what was kept"},
    {"work.chatter", chatter, 0, "[] -> nil, after many lines of log"},
    {"work.square", square, JOBD_TASK_IDEMPOTENT, "[n] -> n * n; fails for 13"},
    {"work.map", map, 0, "[task, [arguments, ...], timeout_ms] -> results"},
    {"work.meet", meet, JOBD_TASK_CANCELLABLE, "[n] -> n, when n of these run at once here"},
    {"work.unknown_call", unknown_call, 0, "[] -> never: there is no such call"},
    {"work.reflect", reflect, 0, "[] -> messages sent back through pipe 0"},
};

static const jobd_task_module module = JOBD_TASK_MODULE("work", "1", tasks);

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
