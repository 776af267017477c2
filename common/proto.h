// The tables of the wire: limits, roles, operations, and the fields of every body. PROTOCOL.md says
// the same in words; a test holds the two together. Numbers are append-only.
#ifndef JD_PROTO_H
#define JD_PROTO_H

#include <jobd/types.h>

enum {
    JD_PROTO_MAJOR = 1,
    JD_PROTO_MINOR = 0,
};

// Every limit has a name here and a test that hits it.
#define JD_LIMIT_MAP(X)                                                                            \
    X(HELLO_MAX_BYTES, 4096)        /* payload of the first frame */                               \
    X(FRAME_MIN_BYTES, 65536)       /* a peer may not ask for a smaller max_frame */               \
    X(FRAME_DEFAULT_BYTES, 1048576) /* payload of any other frame */                               \
    X(FRAME_MAX_BYTES, 16777216)    /* the most max_frame can be configured to */                  \
    X(ENVELOPE_BYTES, 1024)         /* user data <= max_frame - this */                            \
    X(NAME_MAX, 128)                /* names of objects, clients, pools, in bytes */               \
    X(TEXT_MAX, 1023)               /* a sentence in an error */                                   \
    X(ERROR_NAME_MAX, 63)           /* a task's own name for its error */                          \
    X(NOTE_MAX, 55)                 /* progress note */                                            \
    X(EXECUTORS_MAX, 1024)          /* executors open on one connection */                         \
    X(HANDLE_MAX, 9999999)          /* the largest handle; as many jobs as may be queued */        \
    X(OUT_HIGH_BYTES, 1048576)      /* unread output above which a client is paused */             \
    X(OUT_HARD_BYTES, 67108864)     /* unread output at which a client is closed */                \
    X(WINDOW_MAX, 256)              /* jobs sent to one worker and not finished */                 \
    X(WINDOW_BYTES, 65536)          /* bytes of them, but for one larger frame */                  \
    X(DIRECT_BYTES, 16384)          /* worker frames above this do not go through the ring */      \
    X(TASKS_MAX, 4096)              /* task names the master keeps */                              \
    X(LISTING_MAX, 64)              /* rows in one page of a listing */                            \
    X(WORKERS_MAX, 1024)            /* worker processes of the daemon, processes too */            \
    X(THREADS_MAX, 64)              /* threads of one worker */                                    \
    X(POOLS_MAX, 64)                /* named pools */                                              \
    X(CHUNK_MAX, 65536)             /* items of a job that is a chunk */                           \
    X(PIPES_MAX, 8)                 /* pipes handed to a process */                                \
    X(CHILDREN_MAX, 32768)          /* unfinished jobs of one task that called */                  \
    X(WATCH_LOST_MAX, 1048576)      /* unread bytes above which a watcher misses events */

#define X(name, value) JD_##name = value,
enum jd_limit { JD_LIMIT_MAP(X) JD_LIMIT_FORCE_INT_ = 0x7fffffff };
#undef X

enum jd_role { JD_ROLE_CLIENT = 0, JD_ROLE_WORKER = 1 };

// ---- Fields: F(KIND, name, limit). limit: largest number, or longest string or bytes; 0 = none.
// ---- KIND: U64 (u64) I64 (i64; the limit holds for its distance from 0) BOOL F64 STR BIN, and RAW =
// any one msgpack value, kept as a view.

#define JD_FIELDS_HELLO(F)                                                                         \
    F(U64, major, 65535)                                                                           \
    F(U64, minor, 65535)                                                                           \
    F(U64, role, 255)                                                                              \
    F(STR, name, JD_NAME_MAX)                                                                      \
    F(U64, pid, UINT32_MAX)                                                                        \
    F(U64, max_frame, UINT32_MAX)                                                                  \
    F(RAW, caps, 0)  /* array of str */                                                            \
    F(RAW, tasks, 0) /* workers: array of [name, flags, summary]; clients: [] */
#define JD_FIELDS_HELLO_OK(F)                                                                      \
    F(U64, major, 65535)                                                                           \
    F(U64, minor, 65535)                                                                           \
    F(U64, session, 0)                                                                             \
    F(STR, name, JD_NAME_MAX)                                                                      \
    F(U64, pid, UINT32_MAX)                                                                        \
    F(U64, max_frame, UINT32_MAX)                                                                  \
    F(RAW, caps, 0)
#define JD_FIELDS_PONG(F) F(U64, now_ns, 0)
#define JD_FIELDS_BYE(F)                                                                           \
    F(U64, code, UINT32_MAX) /* a JOBD_E_*, negated */                                             \
    F(STR, text, JD_TEXT_MAX)
#define JD_FIELDS_EXECUTOR_OPEN(F)                                                                 \
    F(U64, executor, JD_EXECUTORS_MAX)                                                             \
    F(STR, pool, JD_NAME_MAX)                                                                      \
    F(U64, max_workers, UINT32_MAX) /* jobs out at once; 0 = no limit of its own */
#define JD_FIELDS_EXECUTOR_CLOSE(F) F(U64, executor, JD_EXECUTORS_MAX)
#define JD_FIELDS_SUBMIT(F)                                                                        \
    F(U64, handle, JD_HANDLE_MAX)                                                                  \
    F(U64, executor, JD_EXECUTORS_MAX)                                                             \
    F(STR, task, JD_NAME_MAX)                                                                      \
    F(BIN, args, 0)                                                                                \
    F(U64, time_limit_ms, INT64_MAX / 1000000)                                                     \
    F(U64, max_lost, 2)                                                                            \
    F(U64, chunk, JD_CHUNK_MAX) /* args is an array of so many arguments; 0 = no chunk */          \
    F(I64, priority, 127)                                                                          \
    F(U64, delay_ms, INT64_MAX / 1000000)                                                          \
    F(U64, deadline_ms, INT64_MAX / 1000000)                                                       \
    F(U64, max_retries, 255)                                                                       \
    F(U64, retry_delay_ms, INT64_MAX / 1000000)                                                    \
    F(STR, key, JD_NAME_MAX)                                                                       \
    F(STR, label, JD_NAME_MAX)                                                                     \
    F(BOOL, detached, 0)
#define JD_FIELDS_SUBMIT_OK(F) F(U64, job, 0)
#define JD_FIELDS_CANCEL(F)                                                                        \
    F(U64, handle, JD_HANDLE_MAX)                                                                  \
    F(U64, job, 0) /* not 0: this one, whoever submitted it */
#define JD_FIELDS_CANCEL_OK(F) F(BOOL, cancelled, 0)
#define JD_FIELDS_ABORT(F)                                                                         \
    F(U64, handle, JD_HANDLE_MAX)                                                                  \
    F(U64, job, 0)                                                                                 \
    F(U64, grace_ms, INT64_MAX / 1000000)                                                          \
    F(BOOL, force, 0)                            /* kill a worker that runs other jobs too */
#define JD_FIELDS_ABORT_OK(F) F(U64, state, 255) /* the job was in; 0 = it had ended */
#define JD_FIELDS_ATTACH(F)                                                                        \
    F(U64, handle, JD_HANDLE_MAX)                                                                  \
    F(U64, job, 0)
#define JD_FIELDS_JOBS(F)                                                                          \
    F(U64, cursor, 0)                                                                              \
    F(U64, states, 65535) /* bit 1 << state; 0 = all */                                            \
    F(STR, pool, JD_NAME_MAX)                                                                      \
    F(STR, task, JD_NAME_MAX)                                                                      \
    F(STR, label, JD_NAME_MAX)
#define JD_FIELDS_WHY(F) F(U64, job, 0)
#define JD_FIELDS_WATCHING(F) F(BOOL, on, 0)
#define JD_FIELDS_HAPPENED(F)                                                                      \
    F(U64, now_ns, 0)                                                                              \
    F(STR, what, JD_NAME_MAX) /* "job.done", "worker.died", "pool.resized" */                      \
    F(STR, pool, JD_NAME_MAX)                                                                      \
    F(U64, job, 0)                                                                                 \
    F(STR, task, JD_NAME_MAX)                                                                      \
    F(U64, state, 255)                                                                             \
    F(U64, pid, UINT32_MAX)                                                                        \
    F(STR, text, JD_TEXT_MAX)                                                                      \
    F(U64, missed, 0) /* events left out before this one: the watcher read too slowly */
#define JD_FIELDS_JOB_LOG(F)                                                                       \
    F(U64, handle, JD_HANDLE_MAX)                                                                  \
    F(U64, level, 3)                                                                               \
    F(STR, text, JD_TEXT_MAX)
#define JD_FIELDS_JOB_OUTPUT(F)                                                                    \
    F(U64, handle, JD_HANDLE_MAX)                                                                  \
    F(BIN, data, 0)
#define JD_FIELDS_JOB_STATE(F)                                                                     \
    F(U64, handle, JD_HANDLE_MAX)                                                                  \
    F(U64, state, 255)                                                                             \
    F(U64, pid, UINT32_MAX)                                                                        \
    F(U64, attempt, 255)                                                                           \
    F(F64, progress, 0)                                                                            \
    F(STR, text, JD_TEXT_MAX)
#define JD_FIELDS_JOB_DONE(F)                                                                      \
    F(U64, handle, JD_HANDLE_MAX)                                                                  \
    F(U64, state, 255)                                                                             \
    F(U64, pid, UINT32_MAX)                                                                        \
    F(U64, run_ns, 0)                                                                              \
    F(BIN, value, 0)                                                                               \
    F(U64, error, UINT32_MAX) /* a JOBD_E_*, negated; 0 = none */                                  \
    F(STR, name, JD_ERROR_NAME_MAX)                                                                \
    F(STR, text, JD_TEXT_MAX)                                                                      \
    F(U64, attempt, 255) /* runs in all, if more than 1 */                                         \
    F(I64, status, 255)  /* of a process: its exit code, or -signal */
#define JD_FIELDS_RUN(F)                                                                           \
    F(U64, slot, 255)                                                                              \
    F(U64, seq, 0)                                                                                 \
    F(U64, job, 0)                                                                                 \
    F(U64, attempt, 255)                                                                           \
    F(U64, task, JD_TASKS_MAX)                                                                     \
    F(U64, time_limit_ms, 0)                                                                       \
    F(BIN, args, 0)                                                                                \
    F(U64, chunk, JD_CHUNK_MAX)
#define JD_FIELDS_RESULT(F)                                                                        \
    F(U64, slot, 255)                                                                              \
    F(U64, seq, 0)                                                                                 \
    F(U64, run_ns, 0)                                                                              \
    F(BIN, value, 0)                                                                               \
    F(U64, error, UINT32_MAX)                                                                      \
    F(STR, name, JD_ERROR_NAME_MAX)                                                                \
    F(STR, text, JD_TEXT_MAX)                                                                      \
    F(I64, status, 255) /* as in job.done */
#define JD_FIELDS_TASK_LOG(F)                                                                      \
    F(U64, slot, 255)                                                                              \
    F(U64, seq, 0)                                                                                 \
    F(U64, level, 3)                                                                               \
    F(STR, text, JD_TEXT_MAX)
#define JD_FIELDS_INIT(F)                                                                          \
    F(U64, task, JD_TASKS_MAX)                                                                     \
    F(BIN, args, 0)
#define JD_FIELDS_LEND(F)                                                                          \
    F(U64, slot, 255)                                                                              \
    F(U64, seq, 0)
#define JD_FIELDS_PID(F)                                                                           \
    F(U64, slot, 255)                                                                              \
    F(U64, seq, 0)                                                                                 \
    F(U64, pid, UINT32_MAX)
#define JD_FIELDS_PROCESS(F)                                                                       \
    F(U64, handle, JD_HANDLE_MAX)                                                                  \
    F(STR, task, JD_NAME_MAX)                                                                      \
    F(BIN, args, 0)                                                                                \
    F(U64, n_pipes, JD_PIPES_MAX) /* descriptors that came with this frame */                      \
    F(U64, time_limit_ms, INT64_MAX / 1000000)                                                     \
    F(STR, label, JD_NAME_MAX)                                                                     \
    F(BOOL, detached, 0)                                                                           \
    F(BOOL, output, 0) /* tell what it writes, as job.output */
#define JD_FIELDS_SIGNAL(F)                                                                        \
    F(U64, handle, JD_HANDLE_MAX)                                                                  \
    F(U64, job, 0)                                                                                 \
    F(U64, signal, 64)
#define JD_FIELDS_POOL_CREATE(F)                                                                   \
    F(STR, pool, JD_NAME_MAX)                                                                      \
    F(U64, workers, JD_WORKERS_MAX)                                                                \
    F(U64, threads, JD_THREADS_MAX)                                                                \
    F(STR, initializer, JD_NAME_MAX)                                                               \
    F(BIN, init_args, 0)                                                                           \
    F(U64, recycle_jobs, 0)          /* a worker is replaced after so many jobs; 0 = never */      \
    F(U64, recycle_rss_bytes, 0)     /* or when it holds more memory; 0 = never */                 \
    F(U64, max_lent, JD_WORKERS_MAX) /* slots lent at once; 0 = as many as workers */
#define JD_FIELDS_POOL_RESIZE(F)                                                                   \
    F(STR, pool, JD_NAME_MAX)                                                                      \
    F(U64, workers, JD_WORKERS_MAX)
#define JD_FIELDS_POOL_PAUSE(F)                                                                    \
    F(STR, pool, JD_NAME_MAX)                                                                      \
    F(BOOL, paused, 0)
#define JD_FIELDS_POOL_DRAIN(F) F(STR, pool, JD_NAME_MAX)
#define JD_FIELDS_POOL_DELETE(F)                                                                   \
    F(STR, pool, JD_NAME_MAX)                                                                      \
    F(BOOL, now, 0)
#define JD_FIELDS_PAGE(F) F(U64, cursor, 0) /* of the previous page; 0 = from the start */
#define JD_FIELDS_LISTING(F)                                                                       \
    F(U64, cursor, 0) /* for the next page; 0 = this was the last */                               \
    F(RAW, rows, 0)   /* array of maps */
#define JD_FIELDS_STATUS(F) F(RAW, map, 0)
#define JD_FIELDS_SHUTDOWN(F) F(BOOL, now, 0)

// ---- Bodies: X(NAME, name, fields that must be there). Later fields have the default zero or
// empty and are left out of the frame when they have it. ----
#define JD_BODY_MAP(X)                                                                             \
    X(HELLO, hello, 8)                                                                             \
    X(HELLO_OK, hello_ok, 7)                                                                       \
    X(PONG, pong, 1)                                                                               \
    X(BYE, bye, 2)                                                                                 \
    X(EXECUTOR_OPEN, executor_open, 2)                                                             \
    X(EXECUTOR_CLOSE, executor_close, 1)                                                           \
    X(SUBMIT, submit, 4)                                                                           \
    X(SUBMIT_OK, submit_ok, 1)                                                                     \
    X(CANCEL, cancel, 1)                                                                           \
    X(CANCEL_OK, cancel_ok, 1)                                                                     \
    X(JOB_STATE, job_state, 6)                                                                     \
    X(JOB_DONE, job_done, 5)                                                                       \
    X(RUN, run, 7)                                                                                 \
    X(RESULT, result, 4)                                                                           \
    X(ABORT, abort, 3)                                                                             \
    X(ABORT_OK, abort_ok, 1)                                                                       \
    X(ATTACH, attach, 2)                                                                           \
    X(JOBS, jobs, 1)                                                                               \
    X(WHY, why, 1)                                                                                 \
    X(WATCHING, watching, 1)                                                                       \
    X(HAPPENED, happened, 2)                                                                       \
    X(JOB_LOG, job_log, 3)                                                                         \
    X(JOB_OUTPUT, job_output, 2)                                                                   \
    X(TASK_LOG, task_log, 4)                                                                       \
    X(INIT, init, 2)                                                                               \
    X(LEND, lend, 2)                                                                               \
    X(PID, pid, 3)                                                                                 \
    X(PROCESS, process, 4)                                                                         \
    X(SIGNAL, signal, 3)                                                                           \
    X(POOL_CREATE, pool_create, 3)                                                                 \
    X(POOL_RESIZE, pool_resize, 2)                                                                 \
    X(POOL_PAUSE, pool_pause, 2)                                                                   \
    X(POOL_DRAIN, pool_drain, 1)                                                                   \
    X(POOL_DELETE, pool_delete, 1)                                                                 \
    X(PAGE, page, 1)                                                                               \
    X(LISTING, listing, 2)                                                                         \
    X(STATUS, status, 1)                                                                           \
    X(SHUTDOWN, shutdown, 1)

// ---- Operations: X(NAME, number, wire name, shape, body, body of the reply). ----
#define JD_OP_MAP(X)                                                                               \
    X(HELLO, 0x01, "hello", REQUEST, HELLO, HELLO_OK)                                              \
    X(PING, 0x02, "ping", REQUEST, NONE, PONG)                                                     \
    X(BYE, 0x03, "bye", EVENT, BYE, NONE)                                                          \
    X(EXECUTOR_OPEN, 0x10, "executor.open", REQUEST, EXECUTOR_OPEN, NONE)                          \
    X(EXECUTOR_CLOSE, 0x11, "executor.close", REQUEST, EXECUTOR_CLOSE, NONE)                       \
    X(SUBMIT, 0x12, "job.submit", REQUEST, SUBMIT, SUBMIT_OK)                                      \
    X(CANCEL, 0x13, "job.cancel", REQUEST, CANCEL, CANCEL_OK)                                      \
    X(ABORT, 0x14, "job.abort", REQUEST, ABORT, ABORT_OK)                                          \
    X(ATTACH, 0x15, "job.attach", REQUEST, ATTACH, NONE)                                           \
    X(JOBS, 0x16, "jobs", REQUEST, JOBS, LISTING)                                                  \
    X(WHY, 0x17, "job.why", REQUEST, WHY, STATUS)                                                  \
    X(JOB_STATE, 0x18, "job.state", EVENT, JOB_STATE, NONE)                                        \
    X(JOB_DONE, 0x19, "job.done", EVENT, JOB_DONE, NONE)                                           \
    X(JOB_LOG, 0x1a, "job.log", EVENT, JOB_LOG, NONE)                                              \
    X(JOB_OUTPUT, 0x1b, "job.output", EVENT, JOB_OUTPUT, NONE)                                     \
    X(SIGNAL, 0x1c, "job.signal", REQUEST, SIGNAL, NONE)                                           \
    X(WATCH, 0x1d, "watch", REQUEST, WATCHING, NONE)                                               \
    X(HAPPENED, 0x1e, "happened", EVENT, HAPPENED, NONE)                                           \
    X(RUN, 0x20, "task.run", EVENT, RUN, NONE)                                                     \
    X(RESULT, 0x21, "task.result", EVENT, RESULT, NONE)                                            \
    X(TASK_LOG, 0x22, "task.log", EVENT, TASK_LOG, NONE)                                           \
    X(INIT, 0x23, "worker.init", REQUEST, INIT, NONE)                                              \
    X(LEND, 0x24, "slot.lend", REQUEST, LEND, NONE)                                                \
    X(RESUME, 0x25, "slot.resume", REQUEST, LEND, NONE)                                            \
    X(TASK_PID, 0x26, "task.pid", EVENT, PID, NONE)                                                \
    X(PROCESS, 0x50, "process.start", REQUEST, PROCESS, SUBMIT_OK)                                 \
    X(STATUS, 0x60, "status", REQUEST, NONE, STATUS)                                               \
    X(WORKERS, 0x61, "workers", REQUEST, PAGE, LISTING)                                            \
    X(TASKS, 0x62, "tasks", REQUEST, PAGE, LISTING)                                                \
    X(SHUTDOWN, 0x63, "shutdown", REQUEST, SHUTDOWN, NONE)                                         \
    X(POOLS, 0x64, "pools", REQUEST, PAGE, LISTING)                                                \
    X(POOL_CREATE, 0x65, "pool.create", REQUEST, POOL_CREATE, NONE)                                \
    X(POOL_RESIZE, 0x66, "pool.resize", REQUEST, POOL_RESIZE, NONE)                                \
    X(POOL_PAUSE, 0x67, "pool.pause", REQUEST, POOL_PAUSE, NONE)                                   \
    X(POOL_DRAIN, 0x68, "pool.drain", REQUEST, POOL_DRAIN, NONE)                                   \
    X(POOL_DELETE, 0x69, "pool.delete", REQUEST, POOL_DELETE, NONE)

enum jd_body {
    JD_BODY_NONE, // no fields: an empty array in a request or event, nil in a reply
#define X(NAME, name, need) JD_BODY_##NAME,
    JD_BODY_MAP(X)
#undef X
};

enum jd_op {
#define X(NAME, number, name, shape, body, reply) JD_OP_##NAME = number,
    JD_OP_MAP(X)
#undef X
        JD_OP_END = 0x80 // one past the largest number that can ever be given
};

#endif
