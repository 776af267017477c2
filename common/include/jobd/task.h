/** jobd/task.h - what a task plugin sees.
 *
 *  A plugin is one shared object that exports jobd_task_module_v1(), its tasks, or
 *  jobd_integrands_v1(), its functions for the task "integrate", or both. Everything about the running
 *  job comes in the jobd_host table; the value helpers of jobd/types.h come from the small static
 *  library libjobd_value.a, so a plugin needs no symbol of the worker.
 *
 *  ABI. Another major number: the worker refuses the plugin. A minor number above the worker's: also
 *  refused. Tables only grow at their end; look at struct_size before using a late member.
 *    1.0  first version
 *    1.1  jobd_host: item, call, pipes, and integrand; jobd_integrands_v1()
 *
 *  Threads. fn runs on one compute thread of a worker process, one job at a time on that thread. In
 *  a pool whose workers have several threads a task must be safe to run on all of them at once.
 *  The worker process is the crash boundary: a task that crashes costs the jobs that its process was
 *  running, which is one where a worker has one thread.
 */
#ifndef JOBD_TASK_H
#define JOBD_TASK_H

#include <jobd/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JOBD_TASK_ABI_MAJOR 1u
#define JOBD_TASK_ABI_MINOR 1u

/** The longest name of a task, in bytes. Names are made of [a-z0-9._-]. */
#define JOBD_TASK_NAME_MAX 64

/** The running job. Valid until fn returns. */
typedef struct jobd_task_ctx jobd_task_ctx;

/** A function of one number. At least one of its two forms is there; where both are, they agree as
 *  far as the plugin says. It must be pure, and safe to run on several threads at once. */
typedef struct jobd_integrand_def {
    const char *name;      /**< "module.function": words of [a-z0-9_] with points between them, each
                                beginning with a letter; at most JOBD_TASK_NAME_MAX bytes */
    double (*f)(double x); /**< of one point: what the portable kernel calls; may be NULL */
    /** y[i] = the value at x[i], for n points, 1 to 512, that do not overlap y; what it gives for a
     *  point does not depend on those beside it. What the fast kernel calls; may be NULL. */
    void (*block)(const double *x, double *y, size_t n);
    const char *summary; /**< one line: what it is, and its units */
} jobd_integrand_def;

/** What the worker offers a running job. Every member takes the ctx that fn was given. */
typedef struct jobd_host {
    size_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    /** Set the result: one msgpack value, copied; the last call wins; none = nil.
     *  Returns 0 | JOBD_E_INVAL (not exactly one value) | JOBD_E_RESULT_TOO_BIG | JOBD_E_NOMEM. */
    int (*result)(jobd_task_ctx *ctx, jobd_bytes value);
    /** Say why the task fails. name: short and stable ("bad_args"); message: one sentence. Copied,
     *  cut at 63 and 255 bytes. Returns JOBD_E_TASK, so that a task may `return host->fail(...)`. */
    int (*fail)(jobd_task_ctx *ctx, const char *name, const char *message);
    /** Was the job asked to stop? One atomic load: ask at least every 10 ms in long loops. */
    bool (*cancelled)(const jobd_task_ctx *ctx);
    /** Milliseconds left of the job's time limit, never below 0; JOBD_FOREVER = it has none. */
    int64_t (*time_left_ms)(const jobd_task_ctx *ctx);
    /** Report progress: fraction 0..1 (clamped), and a note of up to 55 bytes or NULL. No system
     *  call; the client sees the newest report, at most 100 a second. Returns 0. */
    int (*progress)(jobd_task_ctx *ctx, double fraction, const char *note);
    /** Write one line to the job's log: level 0 error, 1 warning, 2 notice, 3 debug; cut at 1023
     *  bytes. The daemon logs it and passes it on to who submitted the job. In an initializer, as
     *  there is no job, it goes to the worker's stderr. */
    void (*log)(jobd_task_ctx *ctx, int level, const char *fmt, ...) JOBD_PRINTF(3, 4);
    /** Memory that is freed when fn returns, aligned for any type; NULL when out. */
    void *(*alloc)(jobd_task_ctx *ctx, size_t n);
    /** The job's id, never used twice. */
    uint64_t (*job_id)(const jobd_task_ctx *ctx);
    /** Which run of the job this is: 1, 2, ... */
    uint32_t (*attempt)(const jobd_task_ctx *ctx);
    /** Nanoseconds on CLOCK_MONOTONIC. */
    uint64_t (*now_ns)(const jobd_task_ctx *ctx);
    /** The same, when this run began; no clock is read. */
    uint64_t (*started_ns)(const jobd_task_ctx *ctx);

    /* ---- since 1.1 ---- */

    /** Which item of a chunk (or of a map that runs here, see call) this call of fn is, 0 to n - 1;
     *  *ret_n (may be NULL) gets n. A job that is no chunk is item 0 of 1. */
    uint32_t (*item)(const jobd_task_ctx *ctx, uint32_t *ret_n);
    /** Ask the daemon for something and wait for the answer. The job lends its slot meanwhile: other
     *  jobs of the pool run in its place, and it goes on when a slot is free again.
     *    "map"  params [task, [arguments, ...]]: run the task once for each of the arguments, as jobs
     *           of this job's pool that end with it. *ret: the array of results, in the order given.
     *           Where no slot can be lent any more (max_lent) they run here, one after the other.
     *           Their progress is not shown then.
     *  timeout_ms counts from the call. *ret is a view, valid until fn returns.
     *  Returns 0 | JOBD_E_TASK and its like (the first that failed, in order; those after it are
     *  stopped; host->fail() was called with its words) | JOBD_E_CANCELLED (this job is asked to
     *  stop; the others are stopped) | JOBD_E_TIMEOUT (so are they) | JOBD_E_INVAL |
     *  JOBD_E_NOTASK | JOBD_E_MSGSIZE (arguments that fit no frame) | JOBD_E_RESULT_TOO_BIG
     *  (results of neighbours travel together, and these fit no frame) | JOBD_E_LIMIT (over 32768
     *  jobs) | JOBD_E_NOTSUP (no such request) | JOBD_E_STATE (in an initializer) |
     *  JOBD_E_CLOSED (the daemon is gone) | JOBD_E_NOMEM. */
    int (*call)(jobd_task_ctx *ctx, const char *what, jobd_bytes params, int64_t timeout_ms,
                jobd_bytes *ret);
    /** Pipes: those that were given to the process that runs this task (jobd_process_options.pipes);
     *  others have none. */
    uint32_t (*n_pipes)(const jobd_task_ctx *ctx);
    /** Send one message, whole. Blocks while the other end does not read. The time is for its
     *  beginning: a message that has begun is sent to its end, and if the job is asked to stop
     *  before that the pipe is closed.
     *  Returns 0 | JOBD_E_QCLOSED (the other end is gone) | JOBD_E_MSGSIZE (over 1 MiB; nothing was
     *  sent) | JOBD_E_TIMEOUT | JOBD_E_STATE (closed here) | JOBD_E_NOENT (no such pipe) |
     *  JOBD_E_PERM (this end only receives) | JOBD_E_CANCELLED (this job is asked to stop). */
    int (*pipe_send)(jobd_task_ctx *ctx, uint32_t pipe, jobd_bytes message, int64_t timeout_ms);
    /** Receive one message, whole. *ret is a view, valid until the next receive or poll on that
     *  pipe. Returns 0 | JOBD_E_QCLOSED (the other end is gone and nothing is left) | JOBD_E_PERM
     *  (this end only sends) | JOBD_E_PROTO (what came is no message) | as pipe_send(). */
    int (*pipe_recv)(jobd_task_ctx *ctx, uint32_t pipe, int64_t timeout_ms, jobd_bytes *ret);
    /** Is there a message to receive, or the end? Returns 1 | 0 not within timeout_ms | as
     *  pipe_recv(). */
    int (*pipe_poll)(jobd_task_ctx *ctx, uint32_t pipe, int64_t timeout_ms);
    /** Close this end; all are closed when fn returns. Returns 0 | JOBD_E_STATE | JOBD_E_NOENT. */
    int (*pipe_close)(jobd_task_ctx *ctx, uint32_t pipe);
    /** A function that a plugin of this worker offers, by its name; static. NULL = there is none. */
    const jobd_integrand_def *(*integrand)(const jobd_task_ctx *ctx, jobd_bytes name);
} jobd_host;

/** A task. args: one msgpack array, borrowed until fn returns. Returns 0 = done, negative = failed.
 *  It must not exit, fork without exec, block signals, use file descriptors above 2 that it did not
 *  open, or keep ctx or args after it returns. */
typedef int (*jobd_task_fn)(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args);

enum {
    JOBD_TASK_IDEMPOTENT = 1u << 0, /**< may be run again after the worker running it died */
    JOBD_TASK_CANCELLABLE = 1u << 1 /**< looks at host->cancelled at least every 10 ms */
};

typedef struct jobd_task_def {
    const char *name; /**< "module.task", at most JOBD_TASK_NAME_MAX bytes of [a-z0-9._-] */
    jobd_task_fn fn;
    uint32_t flags;      /**< JOBD_TASK_* */
    const char *summary; /**< one line: shape of args -> shape of result, units */
} jobd_task_def;

typedef struct jobd_task_module {
    size_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    const char *name;
    const char *version;
    const jobd_task_def *tasks;
    size_t n_tasks;
    /** May be NULL. Once per worker process, before its first job. Not 0: the worker will not start. */
    int (*init)(void);
    /** May be NULL. Once, at a clean end of the worker process; not after a kill. */
    void (*fini)(void);
} jobd_task_module;

#define JOBD_TASK_MODULE(name_, version_, tasks_)                                                  \
    {                                                                                              \
        sizeof(jobd_task_module), JOBD_TASK_ABI_MAJOR, JOBD_TASK_ABI_MINOR, name_, version_,       \
            tasks_, sizeof(tasks_) / sizeof((tasks_)[0]), NULL, NULL                               \
    }

/** What a plugin of tasks exports.
 *  Returns  its module, static; NULL = "I cannot work here".
 *  Blocks   no.   Thread  called once, before init().   Since  0.1. */
JOBD_API const jobd_task_module *jobd_task_module_v1(void);

/** The functions of a plugin; since 1.1. `jobctl integrate NAME A B` integrates one. */
typedef struct jobd_integrand_module {
    size_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    const jobd_integrand_def *integrands;
    size_t n_integrands;
} jobd_integrand_module;

#define JOBD_INTEGRAND_MODULE(integrands_)                                                         \
    {                                                                                              \
        sizeof(jobd_integrand_module), JOBD_TASK_ABI_MAJOR, JOBD_TASK_ABI_MINOR, integrands_,      \
            sizeof(integrands_) / sizeof((integrands_)[0])                                         \
    }

/** What a plugin of functions exports.
 *  Returns  its functions, static; NULL = "I cannot work here".
 *  Blocks   no.   Thread  called once, after the module's init() if there are tasks, too.
 *  Since    0.1. */
JOBD_API const jobd_integrand_module *jobd_integrands_v1(void);

#ifdef __cplusplus
}
#endif
#endif
