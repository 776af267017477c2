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
    const char *pool; /**< the pool to submit to; default "default" */
} jobd_executor_options;

typedef struct jobd_submit_options {
    size_t struct_size;
    int64_t time_limit_ms; /**< run time allowed, from the first time the job is seen running; then
                                it is asked to stop, terminated and killed: JOBD_E_DEADLINE;
                                default none */
    uint32_t max_lost;     /**< times a job that is not idempotent may be run again after a worker
                                died under it; default 0, most 2. Idempotent tasks always have 2 */
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

/** Submit one job.
 *  Shape    task: a registered name; args: one msgpack array, see jobd_args_new().
 *  Owns     ex borrowed · task, args, opts copied · *ret_future owned: jobd_future_unref().
 *  Returns  0 | JOBD_E_MSGSIZE (args over jobd_conn_max_payload(): nothing was sent) | JOBD_E_AGAIN
 *           (max_pending_bytes unsent, or 10,000,000 futures unfinished: process or flush first) |
 *           JOBD_E_INVAL | JOBD_E_NOMEM | JOBD_E_CLOSED. The future: JOBD_E_NOTASK | JOBD_E_TASK |
 *           JOBD_E_WORKER_DIED | JOBD_E_DEADLINE | JOBD_E_KILLED | JOBD_E_CANCELLED |
 *           JOBD_E_RESULT_TOO_BIG | JOBD_E_STOPPING | JOBD_E_LIMIT | JOBD_E_NOENT | JOBD_E_NOMEM
 *           (for its result) | JOBD_E_CLOSED (the connection died).
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

typedef struct jobd_job_info {
    size_t struct_size;
    uint64_t job_id;     /**< 0 = the daemon has not answered yet */
    int state;           /**< jobd_job_state, as last heard */
    int64_t worker_pid;  /**< who ran or runs it; 0 = nobody yet */
    uint32_t attempt;    /**< runs so far, as far as known */
    double progress;     /**< 0..1, as last reported by the task */
    uint64_t run_ns;     /**< run time in the worker, when done */
    uint64_t done_order; /**< 1 for the connection's first future to be done, 2, ...; 0 = not */
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
 *  Returns  0 | JOBD_E_STATE (the future is done).
 *  Blocks   no.   Thread  [CONN][CB].   Since  0.1.   Wire  job.state. */
JOBD_API int jobd_future_on_note(jobd_future *f, jobd_note_fn fn, void *arg);

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

/* ---- 6. The daemon --------------------------------------------------------------------------- */

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
