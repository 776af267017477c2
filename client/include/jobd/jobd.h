/** jobd/jobd.h - the jobd client library.
 *
 *  jobd is a process pool for the whole machine: a daemon owns worker processes, a program submits
 *  jobs to them and holds futures. This header is the reference: what is not written here is not
 *  promised.
 *
 *  Threads. A connection and everything opened on it belong to one thread at a time ([CONN]); the
 *  thread may change between calls. Use one connection per thread. [SAFE] = any thread, in
 *  parallel.
 *  Forks. In a forked child every [CONN] call returns JOBD_E_FORKED; jobd_close() there frees
 *  memory, runs no callback and says nothing to the daemon.
 *  Blocking. A call blocks only if it takes timeout_ms (0 = do not wait, JOBD_FOREVER = no limit);
 *  the others only queue bytes, or read what they already have.
 *  Callbacks. A callback runs only inside jobd_conn_process(), jobd_conn_wait(), jobd_close() or a
 *  blocking call on the same connection; exactly once per registration; never if the registering
 *  call failed. A blocking call runs only callbacks of futures it is asked for; the others run at
 *  the next process. Inside a callback, a call that would have to wait returns JOBD_E_DEADLK; what
 *  is done already can be asked for. The one exception is Python's own: a callback added to a
 *  future that is already done runs at once.
 *  Returns. 0 or positive = success, negative = JOBD_E_*. Out-parameters ret_* are written only on
 *  success, reterr_* only on failure (and may be NULL).
 *  Frees. Every *_free, *_unref and *_close takes NULL.
 *
 *  Any event loop:
 *
 *      for (;;) {
 *          while ((r = jobd_conn_process(c)) > 0) { }        // first: something may be buffered
 *          if (r < 0) break;                                 // dead: jobd_conn_error() says why
 *          struct pollfd p = {.fd = jobd_conn_fd(c), .events = (short)jobd_conn_events(c)};
 *          jobd_conn_timeout(c, &ms);                        // ask all three before every poll
 *          poll(&p, 1, (int)ms);
 *      }
 */
#ifndef JOBD_JOBD_H
#define JOBD_JOBD_H

#include <jobd/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JOBD_VERSION_MAJOR 0
#define JOBD_VERSION_MINOR 1
#define JOBD_VERSION_PATCH 0
#define JOBD_VERSION_NUMBER                                                                        \
    ((JOBD_VERSION_MAJOR << 16) | (JOBD_VERSION_MINOR << 8) | JOBD_VERSION_PATCH)

typedef struct jobd_conn jobd_conn;
typedef struct jobd_executor jobd_executor;
typedef struct jobd_future jobd_future;
typedef struct jobd_completion jobd_completion;
typedef struct jobd_map_iter jobd_map_iter;
typedef struct jobd_process jobd_process;
typedef struct jobd_pipe jobd_pipe;
struct jobd_task_def; /* jobd/task.h */

/** First member of every options struct:
 *      &(jobd_x_options){JOBD_OPTIONS(jobd_x_options), .field = 1}
 *  NULL = all defaults; an unset (zero) field = its default. A field this library does not know,
 *  set by a program built against a later header, gives JOBD_E_VERSION. */
#define JOBD_OPTIONS(type) .struct_size = sizeof(type)

/* ---- 1. The library -------------------------------------------------------------------------- */

/** The version of the library that is linked in: major << 16 | minor << 8 | patch.
 *  Returns  the number.   Blocks  no.   Thread  [SAFE].   Since  0.1. */
JOBD_API uint32_t jobd_version(void);

/** The same as text: "0.1.0".
 *  Returns  static text.   Blocks  no.   Thread  [SAFE].   Since  0.1. */
JOBD_API const char *jobd_version_string(void);

/** Does the library serve a program built against this header? Call it once at the start.
 *  Returns  0 | JOBD_E_VERSION (older library, or another major version).
 *  Blocks   no.   Thread  [SAFE].   Since  0.1. */
#define jobd_check_version() jobd_check_version_of(JOBD_VERSION_NUMBER)

/** What jobd_check_version() calls.
 *  Returns  as there.   Blocks  no.   Thread  [SAFE].   Since  0.1. */
JOBD_API int jobd_check_version_of(uint32_t header_version);

/* ---- 2. Connections -------------------------------------------------------------------------- */

/** The connection is gone; every future of it is done already. */
typedef void (*jobd_close_fn)(jobd_conn *conn, const jobd_error *why, void *arg);

typedef struct jobd_conn_options {
    size_t struct_size;
    const char *client_name;    /**< shown by jobctl; default: the program's name; <= 128 bytes of
                                     [A-Za-z0-9._:/-] */
    int64_t connect_timeout_ms; /**< until the daemon's HELLO; default 5000, or JOBD_FOREVER */
    size_t max_frame;           /**< bytes; default 1 MiB; 64 KiB .. 16 MiB; the daemon may
                                     lower it */
    size_t max_pending_bytes;   /**< unsent bytes above which submits return JOBD_E_AGAIN;
                                     default 4 MiB */
    jobd_close_fn on_close;     /**< exactly once, when the connection dies or in jobd_close() */
    void *on_close_arg;
} jobd_conn_options;

/** The socket that jobd_connect(NULL) uses: $JOBD_SOCKET, else $XDG_RUNTIME_DIR/jobd/sock, else
 *  /run/jobd/sock.
 *  Shape    ret_path: size bytes, NUL-terminated.
 *  Returns  0 | JOBD_E_INVAL (size too small, or the path is longer than a socket's can be: 107).
 *  Blocks   no.   Thread  [SAFE] (reads the environment).   Since  0.1. */
JOBD_API int jobd_default_address(char *ret_path, size_t size);

/** Connect and exchange HELLO.
 *  Shape    address: path of the daemon's socket; NULL = jobd_default_address().
 *  Units    opts->connect_timeout_ms in milliseconds.
 *  Owns     opts copied; *ret_conn owned: jobd_close().
 *  Returns  0 | JOBD_E_REFUSED (no daemon) | JOBD_E_PERM | JOBD_E_VERSION | JOBD_E_AGAIN (too many
 *           connections) | JOBD_E_TIMEOUT | JOBD_E_INVAL | JOBD_E_NOMEM | JOBD_E_SYS.
 *  Blocks   up to connect_timeout_ms.   Thread  [SAFE].   Since  0.1.   Wire  hello. */
JOBD_API int jobd_connect(const char *address, const jobd_conn_options *opts, jobd_conn **ret_conn,
                          jobd_error *reterr);

/** Begin to connect: jobd_conn_ready() tells when HELLO came back. Submitting before is allowed.
 *  Shape    as jobd_connect().   Owns  as there.
 *  Returns  as there, without JOBD_E_TIMEOUT and what the daemon answers later.
 *  Blocks   no.   Thread  [SAFE].   Since  0.1.   Wire  hello. */
JOBD_API int jobd_connect_start(const char *address, const jobd_conn_options *opts,
                                jobd_conn **ret_conn, jobd_error *reterr);

/** The same over a connected stream socket.
 *  Owns     fd taken, also on error.
 *  Returns  as jobd_connect_start().   Blocks  no.   Thread  [SAFE].   Since  0.1.
 *  Wire     hello. */
JOBD_API int jobd_connect_fd(int fd, const jobd_conn_options *opts, jobd_conn **ret_conn,
                             jobd_error *reterr);

/** Close and free. Unfinished futures end with JOBD_E_CLOSED and their callbacks run first; the
 *  futures themselves live until their last unref, executors become inert. The daemon cancels jobs
 *  of this connection that wait, and stops those that run.
 *  Owns     conn taken; NULL is allowed.
 *  Returns  nothing.   Blocks  no.   Thread  [CONN] (inside a callback, too: then it is closed when
 *           the callback returns, and the call around it returns JOBD_E_CLOSED, or what it waited
 *           for).   Since  0.1.   Wire  bye. */
JOBD_API void jobd_close(jobd_conn *conn);

/** Has the daemon's HELLO arrived?
 *  Returns  1 | 0 not yet | JOBD_E_* why the connection is dead.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API int jobd_conn_ready(const jobd_conn *conn);

/** One round trip to the daemon itself (a worker's: submit the task "ping").
 *  Units    *ret_rtt_ns nanoseconds.
 *  Returns  0 | JOBD_E_TIMEOUT | JOBD_E_CLOSED and its like | JOBD_E_DEADLK.
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  ping. */
JOBD_API int jobd_conn_ping(jobd_conn *conn, int64_t timeout_ms, int64_t *ret_rtt_ns);

/** Why the connection died: its first fatal error.
 *  Owns     *ret filled in.
 *  Returns  1 it is dead, *ret says why | 0 it lives, *ret untouched.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API int jobd_conn_error(const jobd_conn *conn, jobd_error *ret);

/** The daemon's process id, for messages; 0 before its HELLO.
 *  Returns  the pid.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API int64_t jobd_conn_daemon_pid(const jobd_conn *conn);

/** The largest arguments or result that fit a message, in bytes: max_frame as agreed, less 1 KiB;
 *  before the daemon's HELLO the least that any daemon agrees to, 63 KiB.
 *  Returns  the number.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API size_t jobd_conn_max_payload(const jobd_conn *conn);

/** A pointer of the program's own.
 *  Returns  what was set last, NULL at first.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API void *jobd_conn_userdata(const jobd_conn *conn);

/** Set it.
 *  Returns  nothing.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API void jobd_conn_set_userdata(jobd_conn *conn, void *userdata);

/* ---- 3. Your event loop ---------------------------------------------------------------------- */

/** The descriptor to poll. Never read, write or close it. Its number is not given to another file
 *  before jobd_close(), even if the connection dies.
 *  Returns  the fd | JOBD_E_CLOSED.   Blocks  no.   Thread  [CONN].   Since  0.1. */
JOBD_API int jobd_conn_fd(const jobd_conn *conn);

/** POLLIN, or POLLIN | POLLOUT; ask before each poll.
 *  Returns  the events, 0 when dead.   Blocks  no.   Thread  [CONN].   Since  0.1. */
JOBD_API int jobd_conn_events(const jobd_conn *conn);

/** How long to poll at most.
 *  Units    *ret_ms milliseconds: 0 = work is buffered already, -1 = no limit.
 *  Returns  0 | JOBD_E_*, as jobd_conn_ready().   Blocks  no.   Thread  [CONN].   Since  0.1. */
JOBD_API int jobd_conn_timeout(const jobd_conn *conn, int64_t *ret_ms);

/** Send what waits, read what came, run callbacks. Call it until it returns 0.
 *  Returns  1 something was done | 0 nothing to do | JOBD_E_* the connection is dead (all futures
 *           are done by then) | JOBD_E_DEADLK inside a callback.
 *  Blocks   no.   Thread  [CONN].   Since  0.1. */
JOBD_API int jobd_conn_process(jobd_conn *conn);

/** Wait for something and process it: poll for programs without a loop.
 *  Returns  1 something was done | 0 timed out | as jobd_conn_process().
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1. */
JOBD_API int jobd_conn_wait(jobd_conn *conn, int64_t timeout_ms);

/** Send everything that waits, reading meanwhile so that neither side can block the other.
 *  Returns  0 | JOBD_E_TIMEOUT | as jobd_conn_process().
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1. */
JOBD_API int jobd_conn_flush(jobd_conn *conn, int64_t timeout_ms);

/* ---- 4. Executors ---------------------------------------------------------------------------- */

typedef struct jobd_executor_options {
    size_t struct_size;
    const char *pool;     /**< the pool to submit to; default "default" */
    uint32_t max_workers; /**< its jobs sent or running at once, at most; default: no limit */
} jobd_executor_options;

typedef struct jobd_submit_options {
    size_t struct_size;
    int64_t time_limit_ms;  /**< run time allowed, from the first time the job is seen running; then
                                it is asked to stop, terminated and killed: JOBD_E_DEADLINE;
                                default none */
    uint32_t max_lost;      /**< times a job that is not idempotent may be run again after a worker
                                died under it; default 0, most 2. Idempotent tasks always have 2 */
    int32_t priority;       /**< -127..127: smaller runs first; ties in the order of submission;
                                default 0 */
    int64_t delay_ms;       /**< earliest start, from now; default 0 */
    int64_t deadline_ms;    /**< for everything, waiting and retries too, from now; then
                                JOBD_E_DEADLINE; default none */
    uint32_t max_retries;   /**< times the job may run again after its task failed (JOBD_E_TASK);
                                default 0, most 255 */
    int64_t retry_delay_ms; /**< before the first of these; doubled for each further one, at most an
                                 hour; default 100 */
    const char *key;   /**< idempotency key: while a job of this key is unfinished, or kept as a
                                 finished detached one, another submit with it gets that job; <= 128
                                 bytes; default none */
    const char *label; /**< shown by jobctl; <= 128 bytes; default none */
    bool detached;     /**< the job outlives this connection, and its result is kept for a while:
                                 jobd_future_attach() */
} jobd_submit_options;

/** Open an executor: the handle to submit with.
 *  Owns     opts copied; *ret owned: jobd_executor_free().
 *  Returns  0 | JOBD_E_INVAL (no such name possible) | JOBD_E_LIMIT (1024 on a connection) |
 *           JOBD_E_NOMEM | JOBD_E_CLOSED. An unknown pool shows at the first submit: JOBD_E_NOENT.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Wire  executor.open.
 *  Source   concurrent.futures.ProcessPoolExecutor. */
JOBD_API int jobd_executor_open(jobd_conn *conn, const jobd_executor_options *opts,
                                jobd_executor **ret);

/** Free an executor. Its futures live on.
 *  Returns  nothing.   Blocks  no.   Thread  [CONN][CB].   Since  0.1.   Wire  executor.close. */
JOBD_API void jobd_executor_free(jobd_executor *ex);

/** Shut an executor down: submitting to it is an error from now on (JOBD_E_STATE). May be called
 *  again, with other flags. Jobs that are neither cancelled nor stopped go on. Jobs of other
 *  executors, on the same pool too, are not touched.
 *  Shape    flags: JOBD_SHUTDOWN_*, or 0.
 *  Returns  1 all its futures are done | 0 not within timeout_ms | JOBD_E_INVAL | JOBD_E_NOMEM |
 *           JOBD_E_DEADLK | JOBD_E_FORKED.
 *  Blocks   up to timeout_ms: JOBD_FOREVER is Python's wait=True, JOBD_NOWAIT its wait=False.
 *  Thread   [CONN] (with 0 also [CB]).   Since  0.1.   Wire  job.cancel, job.abort.
 *  Source   concurrent.futures.Executor.shutdown, ProcessPoolExecutor.kill_workers. */
JOBD_API int jobd_executor_shutdown(jobd_executor *ex, unsigned flags, int64_t timeout_ms);

enum {
    JOBD_SHUTDOWN_CANCEL_FUTURES = 1u << 0, /**< cancel what has not started */
    JOBD_SHUTDOWN_KILL_RUNNING = 1u << 1 /**< the same, and abort what runs, with JOBD_GRACE_MS */
};

/** Submit one job.
 *  Shape    task: a registered name; args: one msgpack array, see jobd_args_new().
 *  Owns     ex borrowed · task, args, opts copied · *ret_future owned: jobd_future_unref().
 *  Returns  0 | JOBD_E_MSGSIZE (args over jobd_conn_max_payload(): nothing was sent) | JOBD_E_AGAIN
 *           (max_pending_bytes unsent, or 10,000,000 futures unfinished: process or flush first) |
 *           JOBD_E_INVAL | JOBD_E_NOMEM | JOBD_E_CLOSED. The future: JOBD_E_NOTASK | JOBD_E_TASK |
 *           JOBD_E_WORKER_DIED | JOBD_E_DEADLINE | JOBD_E_KILLED | JOBD_E_CANCELLED |
 *           JOBD_E_RESULT_TOO_BIG | JOBD_E_STOPPING | JOBD_E_LIMIT | JOBD_E_NOENT | JOBD_E_NOMEM
 *           (for its result) | JOBD_E_CLOSED (the connection died). JOBD_E_STATE: the executor was shut
 *           down; of the future: its pool is drained.
 *  Blocks   no; the bytes leave at the next process, wait or flush, when a blocking call has to
 *           wait, or at 32 KiB.
 *  Thread   [CONN][CB].   Since  0.1.   Wire  job.submit, job.state, job.done.
 *  Source   concurrent.futures.Executor.submit. */
JOBD_API int jobd_submit(jobd_executor *ex, const char *task, jobd_bytes args,
                         const jobd_submit_options *opts, jobd_future **ret_future);

/* ---- 5. Futures ------------------------------------------------------------------------------ */

typedef enum jobd_future_state {
    JOBD_PENDING,   /**< not known to run */
    JOBD_RUNNING,   /**< seen running; a job shorter than a sample (10 ms) never shows it */
    JOBD_CANCELLED, /**< ended without ever having run */
    JOBD_FINISHED   /**< has a result or an exception */
} jobd_future_state;

/** The future is done. */
typedef void (*jobd_done_fn)(jobd_future *future, void *arg);

/** Something became known of a future that is not done: it runs, made progress, or runs again. */
typedef void (*jobd_note_fn)(jobd_future *future, const char *text, void *arg);

/** The task wrote a line to its log. level: as jobd_host.log(). */
typedef void (*jobd_log_fn)(jobd_future *future, int level, const char *line, void *arg);

/** The process wrote something, on its stdout or stderr. What comes while a call waits for other
 *  futures is told at the next process; over 1 MiB of that, the newest is lost. */
typedef void (*jobd_output_fn)(jobd_future *future, jobd_bytes data, void *arg);

typedef struct jobd_job_info {
    size_t struct_size;
    uint64_t job_id;     /**< 0 = the daemon has not answered yet */
    int state;           /**< jobd_job_state, as last heard */
    int64_t worker_pid;  /**< who ran or runs it; 0 = nobody yet */
    uint32_t attempt;    /**< runs so far, as far as known */
    double progress;     /**< 0..1, as last reported by the task */
    uint64_t run_ns;     /**< run time in the worker, when done */
    uint64_t done_order; /**< 1 for the connection's first future to be done, 2, ...; 0 = not */
    int status;          /**< of a process that has ended: its exit code, or -signal */
} jobd_job_info;

/** The state of a future.
 *  Returns  the state.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API jobd_future_state jobd_future_get_state(const jobd_future *f);

/** Is it seen running? Unlike Python's, this is never a guess.
 *  Returns  true or false.   Blocks  no.   Thread  [CONN][CB].   Since  0.1.
 *  Source   concurrent.futures.Future.running. */
JOBD_API bool jobd_future_running(const jobd_future *f);

/** Finished or cancelled?
 *  Returns  true or false.   Blocks  no.   Thread  [CONN][CB].   Since  0.1.
 *  Source   concurrent.futures.Future.done. */
JOBD_API bool jobd_future_done(const jobd_future *f);

/** Ended without ever having run?
 *  Returns  true or false.   Blocks  no.   Thread  [CONN][CB].   Since  0.1.
 *  Source   concurrent.futures.Future.cancelled. */
JOBD_API bool jobd_future_cancelled(const jobd_future *f);

/** Cancel a job that has not started. A job that runs or is finished is not touched.
 *  Returns  1 cancelled (again, too) | 0 too late | JOBD_E_TIMEOUT (the daemon has not answered;
 *           the job may yet be cancelled) | JOBD_E_DEADLK | JOBD_E_CLOSED and its like.
 *  Blocks   up to timeout_ms. With 0 the wish is queued as a submit is, and 0 means "not known
 *           yet".
 *  Thread   [CONN] (with 0 also [CB]).   Since  0.1.   Wire  job.cancel.
 *  Source   concurrent.futures.Future.cancel. */
JOBD_API int jobd_future_cancel(jobd_future *f, int64_t timeout_ms);

#define JOBD_GRACE_MS ((int64_t)1000) /**< what Python's users expect between asking and killing */

/** Stop a job, also one that runs: it is asked to stop (jobd_host.cancelled); after grace_ms its
 *  worker gets SIGTERM, after as long again its whole process tree is killed. With a grace of 0 it is
 *  killed at once. A worker of several threads is only asked, unless `force`: then it is killed, and
 *  the jobs beside this one end or run again by their own rules. A result that comes before that
 *  counts. The future ends with JOBD_E_KILLED, or is cancelled if the job never ran.
 *  Units    grace_ms: milliseconds.
 *  Returns  0 the wish is queued, as a submit is (also when the future is done) | JOBD_E_INVAL |
 *           JOBD_E_NOMEM | JOBD_E_CLOSED.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Wire  job.abort.
 *  Source   pebble.ProcessFuture.cancel, and cooperative flags as in threading programs. */
JOBD_API int jobd_future_abort(jobd_future *f, int64_t grace_ms, bool force);

/** A future for a job that somebody else submitted, or this program in an earlier life.
 *  Owns     *ret owned: jobd_future_unref().
 *  Returns  0 | JOBD_E_NOMEM | JOBD_E_AGAIN | JOBD_E_CLOSED. The future: as jobd_submit(), and
 *           JOBD_E_NOENT (no such job, or it is forgotten; the result of a job that is not detached
 *           went to its submitter: the future has no bytes then).
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Wire  job.attach, job.done. */
JOBD_API int jobd_future_attach(jobd_conn *conn, uint64_t job_id, jobd_future **ret);

/** The result: one msgpack value, or no bytes for a task that set none.
 *  Owns     *ret_value is a view, valid until the last unref.
 *  Returns  0 | JOBD_E_TIMEOUT (the job goes on) | JOBD_E_CANCELLED | why the job failed: the code
 *           that jobd_future_exception() explains | JOBD_E_DEADLK.
 *  Blocks   up to timeout_ms.   Thread  [CONN] (with 0 also [CB]).   Since  0.1.
 *  Source   concurrent.futures.Future.result. */
JOBD_API int jobd_future_result(jobd_future *f, int64_t timeout_ms, jobd_bytes *ret_value);

/** Why the job failed.
 *  Owns     *ret filled in when 1 is returned.
 *  Returns  1 it failed, *ret says why | 0 it has a result | JOBD_E_CANCELLED | JOBD_E_TIMEOUT |
 *           JOBD_E_DEADLK.
 *  Blocks   up to timeout_ms.   Thread  [CONN] (with 0 also [CB]).   Since  0.1.
 *  Source   concurrent.futures.Future.exception. */
JOBD_API int jobd_future_exception(jobd_future *f, int64_t timeout_ms, jobd_error *ret);

/** Call fn when the future is done: in the order added, each exactly once; at once if it is done.
 *  Owns     fn may drop its references to the future; the library holds one while it runs.
 *  Returns  0 | JOBD_E_NOMEM (then fn is not called) | JOBD_E_INVAL.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.
 *  Source   concurrent.futures.Future.add_done_callback. */
JOBD_API int jobd_future_add_done_callback(jobd_future *f, jobd_done_fn fn, void *arg);

/** Call fn whenever something becomes known before the end: text is one sentence ("running in
 *  worker 71", "worker 71 was killed by SIGKILL; trying again (run 2 of 3)"), a progress note, or
 *  empty if only the progress changed. While a call waits for other futures only the last text is
 *  kept, for the next process. One fn per future; NULL takes it away.
 *  Owns     text borrowed during the call.
 *  Returns  0 | JOBD_E_STATE (the future is done) | JOBD_E_NOMEM.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Wire  job.state. */
JOBD_API int jobd_future_on_note(jobd_future *f, jobd_note_fn fn, void *arg);

/** Call fn for every line that the task logs. One fn per future; NULL takes it away. Without one the
 *  lines are only in the daemon's own log. Lines that come while a call waits for other futures are
 *  dropped, as are those of a client that reads too slowly.
 *  Owns     line borrowed during the call.
 *  Returns  0 | JOBD_E_STATE (the future is done) | JOBD_E_NOMEM.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Wire  job.log. */
JOBD_API int jobd_future_on_log(jobd_future *f, jobd_log_fn fn, void *arg);

/** What is known of the job.
 *  Owns     *ret filled in up to ret->struct_size, which the caller sets.
 *  Returns  0 | JOBD_E_INVAL (struct_size is 0).   Blocks  no.   Thread  [CONN][CB].
 *  Since    0.1. */
JOBD_API int jobd_future_info(const jobd_future *f, jobd_job_info *ret);

/** One more reference.
 *  Returns  f.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API jobd_future *jobd_future_ref(jobd_future *f);

/** Drop a reference; the last frees it. Does not cancel: the job runs on and its outcome is
 *  dropped.
 *  Returns  nothing.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API void jobd_future_unref(jobd_future *f);

typedef enum jobd_return_when {
    JOBD_FIRST_COMPLETED, /**< one is done */
    JOBD_FIRST_EXCEPTION, /**< one failed, or all are done; a cancelled one is no exception */
    JOBD_ALL_COMPLETED    /**< all are done */
} jobd_return_when;

/** Wait for futures of one connection.
 *  Shape    fs: n futures, duplicates allowed; ret_done: n flags, or NULL.
 *  Owns     everything borrowed.
 *  Returns  how many entries of fs are done, also when the time is over | JOBD_E_DEADLK |
 *           JOBD_E_INVAL (futures of two connections).
 *  Blocks   up to timeout_ms.   Thread  [CONN] (with 0 also [CB]).   Since  0.1.
 *  Source   concurrent.futures.wait. */
JOBD_API int jobd_wait(jobd_future *const *fs, size_t n, jobd_return_when when, int64_t timeout_ms,
                       bool *ret_done);

/** Walk futures of one connection in the order they are done: those done already come first, each
 *  comes once even if given twice. The time limit is for the whole walk, from this call.
 *  Owns     fs copied, each future referenced; *ret owned: jobd_completion_free().
 *  Returns  0 | JOBD_E_INVAL (futures of two connections) | JOBD_E_NOMEM.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.
 *  Source   concurrent.futures.as_completed. */
JOBD_API int jobd_as_completed(jobd_future *const *fs, size_t n, int64_t timeout_ms,
                               jobd_completion **ret);

/** The next future that is done.
 *  Owns     *ret_future borrowed from the walk.
 *  Returns  1 | 0 the walk is over | JOBD_E_TIMEOUT (jobd_completion_unfinished() says how many) |
 *           JOBD_E_DEADLK.
 *  Blocks   up to what is left of the walk's time.   Thread  [CONN].   Since  0.1. */
JOBD_API int jobd_completion_next(jobd_completion *c, jobd_future **ret_future);

/** How many futures of the walk are not done yet.
 *  Returns  the number.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API size_t jobd_completion_unfinished(const jobd_completion *c);

/** End a walk and drop its references. Not in a callback that the walk's own next runs.
 *  Returns  nothing.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API void jobd_completion_free(jobd_completion *c);

/* ---- 6. Map and parallel loops --------------------------------------------------------------- */

/** Give the next item: append one msgpack array, the arguments of one call, to `item`, which is
 *  empty. Returns 1 an item | 0 there are no more | negative: stop with this error. */
typedef int (*jobd_item_fn)(void *arg, jobd_args *item);

typedef struct jobd_map_options {
    size_t struct_size;
    size_t chunk;   /**< items in one job; default: as many as take some 2 ms, by measured time; at
                             most 65536, and what fits into a message. The results of a chunk must
                             fit, too: JOBD_E_RESULT_TOO_BIG */
    size_t window;  /**< items taken and not yet given back, at most; default: enough to keep all
                             workers busy. Endless input never fills memory */
    bool unordered; /**< results in the order they are done; default: in the order of the items */
    int64_t timeout_ms;                /**< for the whole map, from jobd_map(); default none */
    const jobd_submit_options *submit; /**< of each chunk's job; key and detached must be unset */
} jobd_map_options;

/** Call a task for every item. Items are taken from `next` as results are given back, never more than
 *  the window at once: the call itself takes none.
 *  Owns     ex must outlive the map · task, opts copied · arg borrowed until jobd_map_free() · *ret
 *           owned: jobd_map_free().
 *  Returns  0 | JOBD_E_INVAL | JOBD_E_NOMEM | JOBD_E_CLOSED | JOBD_E_STATE (ex was shut down).
 *  Blocks   no.   Thread  [CONN].   Since  0.1.   Wire  job.submit with a chunk.
 *  Source   concurrent.futures.Executor.map with buffersize (3.14); multiprocessing.Pool.imap and
 *           imap_unordered. Unlike Executor.map's, its input is taken lazily. */
JOBD_API int jobd_map(jobd_executor *ex, const char *task, jobd_item_fn next, void *arg,
                      const jobd_map_options *opts, jobd_map_iter **ret);

/** The next result. The results before a failing item of a chunk come first; then the failure, at its
 *  turn; then the rest is cancelled and the map is over.
 *  Shape    *ret_index (may be NULL): which item, from 0.
 *  Owns     *ret_value is a view, valid until the next call.
 *  Returns  1 a result | 0 the map is over | JOBD_E_TIMEOUT (of the whole map; the rest is cancelled) |
 *           why an item failed, or next's own error, or JOBD_E_INVAL and JOBD_E_MSGSIZE for an item
 *           that is no array or too large: jobd_map_error() says more | JOBD_E_DEADLK (the map is
 *           not over).
 *  Blocks   until a result is there.   Thread  [CONN] (what is done already also [CB]).   Since  0.1. */
JOBD_API int jobd_map_next(jobd_map_iter *map, jobd_bytes *ret_value, uint64_t *ret_index);

/** What ended a map before its time.
 *  Owns     *ret filled in when 1 is returned; ret_index (may be NULL) gets the item that failed, or
 *           the first of its chunk if that is all that is known.
 *  Returns  1 it failed | 0 it did not.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API int jobd_map_error(const jobd_map_iter *map, jobd_error *ret, uint64_t *ret_index);

/** End a map: what waits is cancelled, what runs is not.
 *  Returns  nothing.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API void jobd_map_free(jobd_map_iter *map);

/** One result of a loop, in the order of i. Return 0 to go on; anything else ends the loop, which
 *  returns it. */
typedef int (*jobd_each_fn)(int64_t i, jobd_bytes value, void *arg);

typedef struct jobd_parallel_options {
    size_t struct_size;
    const char
        *backend;       /**< "process": pool "default"; "thread": pool "threads"; "serial": here, in
                              the calling thread; default "process" */
    int n_jobs;         /**< jobs at once; -1 = all CPUs of the pool; default -1 */
    size_t chunk;       /**< as jobd_map_options.chunk */
    int64_t timeout_ms; /**< for the whole loop; default none */
    const struct jobd_task_def *tasks; /**< serial: where the task is found, by its name */
    size_t n_tasks;
    int (*args)(int64_t i, jobd_args *item, void *arg); /**< arguments of call i; default [i] */
} jobd_parallel_options;

/** for (i = lo; i < hi; i++) each(i, task(i)), in parallel. The results have the same bits on every
 *  backend.
 *  Owns     all borrowed during the call. conn may be NULL for the backend "serial".
 *  Returns  0 | what `each` returned | why a call of the task failed, or JOBD_E_TIMEOUT, *reterr says
 *           more | JOBD_E_NOTASK (serial: not in tasks) | JOBD_E_INVAL | JOBD_E_DEADLK.
 *  Blocks   until the loop is over.   Thread  [CONN].   Since  0.1.
 *  Source   joblib.Parallel with delayed(): n_jobs, backend, batch_size="auto", pre_dispatch. */
JOBD_API int jobd_parallel_for(jobd_conn *conn, int64_t lo, int64_t hi, const char *task,
                               const jobd_parallel_options *opts, jobd_each_fn each, void *arg,
                               jobd_error *reterr);

/* ---- 7. Processes and pipes ------------------------------------------------------------------ */

typedef struct jobd_process_options {
    size_t struct_size;
    const char *name;        /**< shown by jobctl, as a job's label; default: the task or program */
    const char *task;        /**< either a task ... */
    jobd_bytes args;         /**< ... and its arguments, one msgpack array; default [] */
    const char *const *argv; /**< or a program: NULL-terminated; argv[0] is looked up in PATH */
    const char *const *env; /**< "NAME=value", NULL-terminated, beside the daemon's; default none */
    const char *cwd;        /**< default: the daemon's */
    jobd_pipe *const *pipes; /**< handed over: of a task its pipes 0, 1, ..., of a program its
                                   descriptors 3, 4, ...; most 8 */
    size_t n_pipes;
    int64_t time_limit_ms;    /**< run time allowed; default none */
    bool keep;                /**< it outlives this connection; default: it is killed with it, as
                                   Python's daemonic processes are */
    jobd_output_fn on_output; /**< gets what it writes; default: the daemon keeps the last 4 KiB */
    void *on_output_arg;
} jobd_process_options;

/** A process of its own, beside the pools: nothing runs yet.
 *  Owns     opts copied; the pipes must live until jobd_process_start() · *ret owned:
 *           jobd_process_free().
 *  Returns  0 | JOBD_E_INVAL (not exactly one of task and argv, or what belongs to the other; a bad
 *           name) | JOBD_E_MSGSIZE (over 16 MiB of arguments) | JOBD_E_NOMEM | JOBD_E_CLOSED.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Source  multiprocessing.Process. */
JOBD_API int jobd_process_new(jobd_conn *conn, const jobd_process_options *opts,
                              jobd_process **ret);

/** Start it, once. The wish leaves at once, as far as the socket takes it.
 *  Owns     its pipe ends are taken on success, and closed here when they have been sent; the
 *           handles stay the program's: jobd_pipe_free().
 *  Returns  0 | JOBD_E_STATE (started before, or closed; or one of its pipes is) | JOBD_E_MSGSIZE |
 *           JOBD_E_AGAIN | JOBD_E_NOMEM | JOBD_E_CLOSED. What the daemon has against it shows at
 *           join, and in the sentinel: JOBD_E_NOTASK, JOBD_E_LIMIT, JOBD_E_SYS.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Wire  process.start. */
JOBD_API int jobd_process_start(jobd_process *p);

/** The process id.
 *  Returns  0, *ret set | JOBD_E_STATE (not started, or it never ran) | JOBD_E_TIMEOUT | JOBD_E_DEADLK.
 *  Blocks   up to timeout_ms, until it runs.   Thread  [CONN] (with 0 also [CB]).   Since  0.1. */
JOBD_API int jobd_process_pid(jobd_process *p, int64_t timeout_ms, int64_t *ret);

/** Started, and not known to have ended?
 *  Returns  true or false.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API bool jobd_process_is_alive(const jobd_process *p);

/** Wait for its end; any number of times.
 *  Returns  1 it has ended | 0 not within timeout_ms | JOBD_E_STATE (not started) | JOBD_E_DEADLK |
 *           why it could not be started | JOBD_E_CLOSED and its like (how it ended is not known).
 *  Blocks   up to timeout_ms.   Thread  [CONN] (with 0 also [CB]).   Since  0.1. */
JOBD_API int jobd_process_join(jobd_process *p, int64_t timeout_ms);

/** How it ended: its exit code, 1 for a task that failed, or -signal.
 *  Returns  1, *ret set | 0 not ended (as Python's None) | JOBD_E_STATE (closed) | as
 *           jobd_process_join().
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API int jobd_process_exitcode(const jobd_process *p, int *ret);

/** Send SIGTERM to its process group.
 *  Returns  0 the wish is queued | JOBD_E_STATE (not started, or closed) | JOBD_E_NOMEM |
 *           JOBD_E_CLOSED.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Wire  job.signal. */
JOBD_API int jobd_process_terminate(jobd_process *p);

/** Kill it and all its descendants.
 *  Returns  as jobd_process_terminate().   Blocks  no.   Thread  [CONN][CB].   Since  0.1.
 *  Wire     job.abort. */
JOBD_API int jobd_process_kill(jobd_process *p);

/** Send any signal to its process group.
 *  Returns  as jobd_process_terminate() | JOBD_E_INVAL (not 1 to 64).
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Wire  job.signal. */
JOBD_API int jobd_process_signal(jobd_process *p, int signal);

/** A future that is done when the process has ended; of a task it has the result.
 *  Owns     borrowed from p; NULL before start.
 *  Returns  the future.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API jobd_future *jobd_process_sentinel(jobd_process *p);

/** Give up what the process holds: every call but free is JOBD_E_STATE from now on.
 *  Returns  0 | JOBD_E_STATE (it runs: join it first).   Blocks  no.   Thread  [CONN][CB].
 *  Since    0.1. */
JOBD_API int jobd_process_close(jobd_process *p);

/** Free the handle. The process lives on, until its connection ends or it does.
 *  Returns  nothing.   Blocks  no.   Thread  [CONN][CB].   Since  0.1. */
JOBD_API void jobd_process_free(jobd_process *p);

/** A pair of connected ends. Messages go from process to process; the daemon never sees them.
 *  Shape    duplex: both ends send and receive; else *ret_a receives and *ret_b sends.
 *  Owns     *ret_a, *ret_b owned: jobd_pipe_free().
 *  Returns  0 | JOBD_E_SYS | JOBD_E_NOMEM.
 *  Blocks   no.   Thread  [SAFE].   Since  0.1.   Source  multiprocessing.Pipe. */
JOBD_API int jobd_pipe_new(bool duplex, jobd_pipe **ret_a, jobd_pipe **ret_b);

/** Send one message, whole.
 *  Returns  0 | JOBD_E_QCLOSED (the other end is gone) | JOBD_E_MSGSIZE (over 1 MiB: nothing was sent) |
 *           JOBD_E_TIMEOUT (nothing was sent) | JOBD_E_STATE (closed here, or handed over) |
 *           JOBD_E_PERM (this end only receives) | JOBD_E_SYS.
 *  Blocks   up to timeout_ms for the start of the message, then until all of it is sent.
 *  Thread   [OBJ].   Since  0.1.   Source  multiprocessing.connection.Connection.send_bytes. */
JOBD_API int jobd_pipe_send(jobd_pipe *p, jobd_bytes message, int64_t timeout_ms);

/** Receive one message, whole.
 *  Owns     *ret is a view, valid until the next receive or close.
 *  Returns  0 | JOBD_E_QCLOSED (the other end is gone and nothing is left: EOF) | JOBD_E_TIMEOUT |
 *           JOBD_E_STATE | JOBD_E_PERM | JOBD_E_PROTO (what came is no message) | JOBD_E_NOMEM |
 *           JOBD_E_SYS.
 *  Blocks   up to timeout_ms.   Thread  [OBJ].   Since  0.1. */
JOBD_API int jobd_pipe_recv(jobd_pipe *p, int64_t timeout_ms, jobd_bytes *ret);

/** Is there something to receive? The end of the pipe counts.
 *  Returns  1 | 0 not within timeout_ms | JOBD_E_STATE | JOBD_E_PERM | JOBD_E_SYS.
 *  Blocks   up to timeout_ms.   Thread  [OBJ].   Since  0.1. */
JOBD_API int jobd_pipe_poll(jobd_pipe *p, int64_t timeout_ms);

/** The descriptor, to poll; never read, write or close it.
 *  Returns  the fd | JOBD_E_STATE.   Blocks  no.   Thread  [OBJ].   Since  0.1. */
JOBD_API int jobd_pipe_fd(const jobd_pipe *p);

/** Close this end.
 *  Returns  0 | JOBD_E_STATE (closed or handed over before).   Blocks  no.   Thread  [OBJ].
 *  Since    0.1. */
JOBD_API int jobd_pipe_close(jobd_pipe *p);

/** Free an end; closes it first.
 *  Returns  nothing.   Blocks  no.   Thread  [OBJ].   Since  0.1. */
JOBD_API void jobd_pipe_free(jobd_pipe *p);

/* ---- 8. Pools, and jobs by their id ---------------------------------------------------------- */

typedef struct jobd_pool_options {
    size_t struct_size;
    uint32_t workers; /**< processes; default: one for each CPU */
    uint32_t threads; /**< of each: 1 x M is a thread pool, N x 1 a process pool; default 1 */
    const char *initializer; /**< a task that every worker runs before its first job; its failure is
                                     tried again with growing delays, and named by jobctl pool list */
    jobd_bytes init_args;    /**< of the initializer, one msgpack array; default [] */
    uint64_t recycle_jobs;   /**< a worker is replaced after so many jobs; default never */
    uint64_t recycle_rss_bytes; /**< or when it holds more memory; default never */
    uint32_t max_lent; /**< slots that may be lent at once by tasks that call; default workers
                            times threads */
} jobd_pool_options;

/** Create a named pool, for every program of the machine.
 *  Returns  0 | JOBD_E_EXIST | JOBD_E_NOTASK (the initializer) | JOBD_E_LIMIT (64 pools, 1024 workers) |
 *           JOBD_E_INVAL | JOBD_E_TIMEOUT | JOBD_E_CLOSED and its like | JOBD_E_DEADLK.
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  pool.create.
 *  Source   concurrent.futures.ProcessPoolExecutor(max_workers, initializer, max_tasks_per_child). */
JOBD_API int jobd_pool_create(jobd_conn *conn, const char *pool, const jobd_pool_options *opts,
                              int64_t timeout_ms);

/** Change the number of its workers. Nothing that runs or waits is lost.
 *  Returns  0 | JOBD_E_NOENT | as jobd_pool_create().
 *  Blocks   up to timeout_ms, not for the workers.   Thread  [CONN].   Since  0.1.
 *  Wire     pool.resize.   Source  loky's reusable executor. */
JOBD_API int jobd_pool_resize(jobd_conn *conn, const char *pool, uint32_t workers,
                              int64_t timeout_ms);

/** Pause: what runs goes on, nothing else is started. Or go on.
 *  Returns  0 | JOBD_E_NOENT | as jobd_pool_create().
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  pool.pause. */
JOBD_API int jobd_pool_pause(jobd_conn *conn, const char *pool, bool paused, int64_t timeout_ms);

/** Take no more jobs, and wait until those there are have ended. jobd_pool_pause(false) opens it again.
 *  Returns  0 it is empty | JOBD_E_STATE (it was opened again before) | JOBD_E_NOENT | as
 *           jobd_pool_create().
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  pool.drain. */
JOBD_API int jobd_pool_drain(jobd_conn *conn, const char *pool, int64_t timeout_ms);

/** Delete a pool: what waits is cancelled, what runs may end; with `now` it is stopped.
 *  Returns  0 | JOBD_E_NOENT | JOBD_E_PERM ("default" and "threads" stay) | as jobd_pool_create().
 *  Blocks   up to timeout_ms, not for the jobs.   Thread  [CONN].   Since  0.1.
 *  Wire     pool.delete. */
JOBD_API int jobd_pool_delete(jobd_conn *conn, const char *pool, bool now, int64_t timeout_ms);

/** Cancel a job by its id, whoever submitted it.
 *  Returns  1 cancelled | 0 too late, or there is no such job | as jobd_pool_create().
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  job.cancel. */
JOBD_API int jobd_job_cancel(jobd_conn *conn, uint64_t job_id, int64_t timeout_ms);

/** Stop a job by its id, as jobd_future_abort().
 *  Returns  the jobd_job_state it was found in, 0 if there is no such job or it had ended | as
 *           jobd_pool_create().
 *  Blocks   up to timeout_ms, not for the job.   Thread  [CONN].   Since  0.1.   Wire  job.abort. */
JOBD_API int jobd_job_abort(jobd_conn *conn, uint64_t job_id, int64_t grace_ms, bool force,
                            int64_t timeout_ms);

/** Send a signal to the process group of a process that was started with jobd_process_start().
 *  Returns  0 | JOBD_E_NOENT | JOBD_E_STATE (it does not run) | JOBD_E_NOTSUP (a job of a pool) | as
 *           jobd_pool_create().
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  job.signal. */
JOBD_API int jobd_job_signal(jobd_conn *conn, uint64_t job_id, int signal, int64_t timeout_ms);

/** Why a job waits, or how it ended, and where its time went: one msgpack map.
 *  Owns     *ret_map as in jobd_daemon_status().
 *  Returns  0 | JOBD_E_NOENT (no such job, or it is forgotten) | as there.
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  job.why. */
JOBD_API int jobd_job_why(jobd_conn *conn, uint64_t job_id, int64_t timeout_ms,
                          jobd_bytes *ret_map);

typedef struct jobd_job_filter {
    size_t struct_size;
    uint32_t states;   /**< bit 1 << jobd_job_state; default all */
    const char *pool;  /**< default any */
    const char *task;  /**< default any */
    const char *label; /**< default any */
} jobd_job_filter;

/** One page of the jobs, those that have ended and are kept, then the others: a msgpack array of maps.
 *  Shape    filter: NULL = all; *cursor as jobd_daemon_workers(): a page may be empty and not the last.
 *  Owns     *ret_rows as in jobd_daemon_status().
 *  Returns  as jobd_daemon_status().
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  jobs. */
JOBD_API int jobd_daemon_jobs(jobd_conn *conn, const jobd_job_filter *filter, int64_t timeout_ms,
                              uint64_t *cursor, jobd_bytes *ret_rows);

/** One page of the pools: a msgpack array of maps.
 *  Shape    as jobd_daemon_workers().   Owns  as there.
 *  Returns  as there.   Blocks  up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  pools. */
JOBD_API int jobd_daemon_pools(jobd_conn *conn, int64_t timeout_ms, uint64_t *cursor,
                               jobd_bytes *ret_rows);

/** Something happened in the daemon. */
typedef struct jobd_happening {
    uint64_t now_ns; /**< the daemon's CLOCK_MONOTONIC */
    const char
        *what; /**< "job.submitted", "job.running", "job.done", "worker.ready", "worker.died",
                           "pool.created", "pool.resized", ... */
    const char *pool;
    uint64_t job_id; /**< 0 = none */
    const char *task;
    int state; /**< jobd_job_state; 0 = none */
    int64_t pid;
    const char *text;
    uint64_t missed; /**< events left out before this one: this client read too slowly, or a call
                           of its own waited for futures */
} jobd_happening;
typedef void (*jobd_happening_fn)(const jobd_happening *event, void *arg);

/** Hear of everything that happens in the daemon, from now on; NULL ends it. What happens while a call
 *  waits for futures is left out, and counted as missed.
 *  Owns     what the events point to is borrowed during the call.
 *  Returns  0 | JOBD_E_NOMEM | JOBD_E_AGAIN | JOBD_E_CLOSED.
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Wire  watch, happened. */
JOBD_API int jobd_watch(jobd_conn *conn, jobd_happening_fn fn, void *arg);

/* ---- 9. The daemon --------------------------------------------------------------------------- */

/** The daemon's state: one msgpack map of names to values; unknown names may come at any time.
 *  Owns     *ret_map is a view, valid until the next call of this section on the connection.
 *  Returns  0 | JOBD_E_TIMEOUT | JOBD_E_CLOSED and its like | JOBD_E_DEADLK.
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  status. */
JOBD_API int jobd_daemon_status(jobd_conn *conn, int64_t timeout_ms, jobd_bytes *ret_map);

/** One page of the daemon's workers: a msgpack array of maps.
 *  Shape    *cursor: 0 for the first page; afterwards the next page's, 0 = that was the last.
 *  Owns     *ret_rows as in jobd_daemon_status().
 *  Returns  as jobd_daemon_status().
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  workers. */
JOBD_API int jobd_daemon_workers(jobd_conn *conn, int64_t timeout_ms, uint64_t *cursor,
                                 jobd_bytes *ret_rows);

/** One page of the daemon's tasks: a msgpack array of maps.
 *  Shape    as jobd_daemon_workers().   Owns  as there.
 *  Returns  as there.   Blocks  up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  tasks. */
JOBD_API int jobd_daemon_tasks(jobd_conn *conn, int64_t timeout_ms, uint64_t *cursor,
                               jobd_bytes *ret_rows);

/** Ask the daemon to stop: new submits are refused, accepted jobs run for its drain time, then are
 *  killed; with `now` they are killed at once. The connection ends when the daemon does.
 *  Returns  0 it is stopping | as jobd_daemon_status().
 *  Blocks   up to timeout_ms.   Thread  [CONN].   Since  0.1.   Wire  shutdown. */
JOBD_API int jobd_daemon_shutdown(jobd_conn *conn, bool now, int64_t timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
