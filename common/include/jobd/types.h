/** jobd/types.h - the vocabulary shared by client programs and task plugins.
 *
 *  This header is the reference: what is not written here is not promised.
 *  Doc fields, always in this order: Shape, Units, Owns, Returns, Blocks, Thread, Since, Wire, Source.
 *  Thread tags: [SAFE] any thread, also in parallel; [CONN] one thread at a time for one connection
 *  and everything opened on it; [OBJ] one thread at a time for one object; [CB] also inside a callback.
 */
#ifndef JOBD_TYPES_H
#define JOBD_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define JOBD_API __attribute__((visibility("default")))
#define JOBD_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define JOBD_API
#define JOBD_PRINTF(f, a)
#endif

/* Time. A timeout is int64_t milliseconds; a timestamp is uint64_t nanoseconds on CLOCK_MONOTONIC.
 * In option structs 0 always means "the default". */
#define JOBD_FOREVER ((int64_t)-1)
#define JOBD_NOWAIT ((int64_t)0)

/** A borrowed view of bytes: never NUL-terminated, never freed by who holds it. */
typedef struct jobd_bytes {
    const void *data;
    size_t len;
} jobd_bytes;

/** Every error jobd returns: X(name, value, text). The values are on the wire: append only, never
 *  renumber, never reuse. Programs must expect values they do not know. */
#define JOBD_ERROR_MAP(X)                                                                          \
    /* the caller's mistake */                                                                     \
    X(INVAL, -1, "invalid argument")                                                               \
    X(STATE, -2, "call not allowed in this state")                                                 \
    X(DEADLK, -3, "would block inside a callback")                                                 \
    X(FORKED, -4, "handle was created before fork()")                                              \
    X(NOTOWNER, -5, "not held by this connection")                                                 \
    X(OVER, -6, "released or marked done too many times")                                          \
    /* resources */                                                                                \
    X(NOMEM, -20, "out of memory")                                                                 \
    X(SYS, -21, "system call failed")                                                              \
    X(LIMIT, -22, "a configured limit was reached")                                                \
    X(AGAIN, -23, "busy, try again later")                                                         \
    X(STOPPING, -24, "the daemon is stopping")                                                     \
    /* the connection */                                                                           \
    X(CLOSED, -40, "connection closed")                                                            \
    X(REFUSED, -41, "no daemon is listening there")                                                \
    X(PERM, -42, "not permitted")                                                                  \
    X(PROTO, -43, "protocol error")                                                                \
    X(VERSION, -44, "no common protocol or ABI version")                                           \
    X(MSGSIZE, -45, "message larger than the agreed limit")                                        \
    X(NOTSUP, -46, "the peer does not support this")                                               \
    /* how a job ended, when not well */                                                           \
    X(TIMEOUT, -60, "timed out")                                                                   \
    X(CANCELLED, -61, "cancelled")                                                                 \
    X(TASK, -62, "the task reported an error")                                                     \
    X(NOTASK, -63, "no task of that name")                                                         \
    X(WORKER_DIED, -64, "the worker died while running the job")                                   \
    X(DEADLINE, -65, "the job ran past its time limit")                                            \
    X(EXITED, -66, "the command exited with a non-zero status")                                    \
    X(KILLED, -67, "the job was killed")                                                           \
    X(RESULT_TOO_BIG, -68, "the result is larger than the agreed limit")                           \
    /* named objects */                                                                            \
    X(NOENT, -80, "no such object")                                                                \
    X(EXIST, -81, "exists already with other properties")                                          \
    X(FULL, -82, "queue is full")                                                                  \
    X(EMPTY, -83, "queue is empty")                                                                \
    X(QCLOSED, -84, "queue or pipe was closed")

typedef enum jobd_err {
    JOBD_OK = 0,
#define X(name, value, text) JOBD_E_##name = value,
    JOBD_ERROR_MAP(X)
#undef X
        JOBD_E_FORCE_INT_ = 0x7fffffff
} jobd_err;

/** What went wrong, in full. The layout is frozen: 4 + 4 + 64 + 256 bytes. */
typedef struct jobd_error {
    int code;          /**< JOBD_E_*; 0 = nothing recorded */
    int sys_errno;     /**< errno where code is JOBD_E_SYS, else 0 */
    char name[64];     /**< JOBD_E_TASK: the task's own name for the error; else "" */
    char message[256]; /**< one English sentence, fit to print as it stands */
} jobd_error;

/** The state of a job, as the master sees it: X(name, value, text). On the wire: append only. */
#define JOBD_JOB_STATE_MAP(X)                                                                      \
    X(QUEUED, 1, "queued")                                                                         \
    X(DELAYED, 2, "delayed")                                                                       \
    X(SENT, 3, "sent")                                                                             \
    X(RUNNING, 4, "running")                                                                       \
    X(DONE, 5, "done")                                                                             \
    X(FAILED, 6, "failed")                                                                         \
    X(CANCELLED, 7, "cancelled")                                                                   \
    X(KILLED, 8, "killed")                                                                         \
    X(TIMED_OUT, 9, "timed out")                                                                   \
    X(LOST, 10, "lost")

typedef enum jobd_job_state {
    JOBD_JOB_NONE = 0,
#define X(name, value, text) JOBD_JOB_##name = value,
    JOBD_JOB_STATE_MAP(X)
#undef X
        JOBD_JOB_FORCE_INT_ = 0x7fffffff
} jobd_job_state;

/** The text of an error code.
 *  Returns  static text, never NULL; "unknown error" for a code this library does not know.
 *  Blocks   no.   Thread  [SAFE].   Since  0.1. */
JOBD_API const char *jobd_strerror(int err);

/** The name of an error code, as written in source: "JOBD_E_INVAL".
 *  Returns  static text, never NULL; "JOBD_E_?" for an unknown code.
 *  Blocks   no.   Thread  [SAFE].   Since  0.1. */
JOBD_API const char *jobd_errname(int err);

/** The word for a job state: "queued", "running", "timed out".
 *  Returns  static text, never NULL; "unknown" for a state this library does not know.
 *  Blocks   no.   Thread  [SAFE].   Since  0.1. */
JOBD_API const char *jobd_job_state_name(int state);

/* ---- Building values ---------------------------------------------------------------------------
 *
 * Arguments of a task are one msgpack array, its result is one msgpack value; the master looks into
 * neither. A builder appends values one by one. Errors stick: the first one is what finish returns.
 *
 *     jobd_args *a = jobd_args_new();
 *     jobd_args_array(a, 2);
 *     jobd_args_str(a, "cos");
 *     jobd_args_f64(a, 0.5);
 *     r = jobd_args_finish(a, &bytes);
 */
typedef struct jobd_args jobd_args;

/** A new, empty builder.
 *  Owns     the caller frees it with jobd_args_free().
 *  Returns  the builder, or NULL when memory is out.
 *  Blocks   no.   Thread  [SAFE].   Since  0.1. */
JOBD_API jobd_args *jobd_args_new(void);

/** Free a builder and the bytes that finish() showed. NULL is allowed.
 *  Returns  nothing.   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API void jobd_args_free(jobd_args *a);

/** Empty a builder for the next value, keeping its memory (nothing is allocated in steady state).
 *  Returns  nothing.   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API void jobd_args_reset(jobd_args *a);

/** Append nil.
 *  Returns  0 | JOBD_E_NOMEM; or the builder's first error, again.
 *  Blocks   no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_args_nil(jobd_args *a);

/** Append a boolean.
 *  Returns  as jobd_args_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_args_bool(jobd_args *a, bool v);

/** Append a signed integer.
 *  Returns  as jobd_args_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_args_i64(jobd_args *a, int64_t v);

/** Append an unsigned integer.
 *  Returns  as jobd_args_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_args_u64(jobd_args *a, uint64_t v);

/** Append a double; every bit pattern arrives as it left, NaN included.
 *  Returns  as jobd_args_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_args_f64(jobd_args *a, double v);

/** Append text.
 *  Shape    s: UTF-8, NUL-terminated.   Owns  s copied.
 *  Returns  as jobd_args_nil() | JOBD_E_INVAL (s is NULL).
 *  Blocks   no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_args_str(jobd_args *a, const char *s);

/** Append bytes.
 *  Owns     b copied.
 *  Returns  as jobd_args_nil() | JOBD_E_MSGSIZE (over 4 GiB).
 *  Blocks   no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_args_bin(jobd_args *a, jobd_bytes b);

/** Open an array: the next n values are its items; it closes by itself after the last.
 *  Returns  as jobd_args_nil() | JOBD_E_LIMIT (nested deeper than 32).
 *  Blocks   no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_args_array(jobd_args *a, uint32_t n);

/** Open a map: the next 2n values are keys and values in turn.
 *  Returns  as jobd_args_array().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_args_map(jobd_args *a, uint32_t n);

/** The bytes built so far, which must be whole values.
 *  Owns     *ret is a view, valid until the builder is changed, reset or freed.
 *  Returns  0 | the first error of the builder | JOBD_E_STATE (an array or map is not full yet).
 *  Blocks   no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_args_finish(jobd_args *a, jobd_bytes *ret);

/* ---- Reading values ----------------------------------------------------------------------------
 *
 * A cursor on the stack: no allocation, views into the input, every byte is bounds-checked, so the
 * input may be hostile. Errors stick in .err: read a whole record and check once at the end.
 */
typedef enum jobd_type {
    JOBD_T_END, /**< nothing left, or the cursor has failed */
    JOBD_T_NIL,
    JOBD_T_BOOL,
    JOBD_T_INT,
    JOBD_T_FLOAT,
    JOBD_T_STR,
    JOBD_T_BIN,
    JOBD_T_ARRAY,
    JOBD_T_MAP,
    JOBD_T_OTHER /**< a msgpack extension or the unused byte c1: always refused */
} jobd_type;

/** A cursor. The layout is frozen: two pointers and an int. */
typedef struct jobd_reader {
    const unsigned char *pos;
    const unsigned char *end;
    int err; /**< 0, or the JOBD_E_* that stopped this cursor */
} jobd_reader;

/** A cursor over bytes.
 *  Owns     b borrowed for as long as the cursor is used.
 *  Returns  the cursor.   Blocks  no.   Thread  [SAFE].   Since  0.1. */
JOBD_API jobd_reader jobd_reader_of(jobd_bytes b);

/** The type of the next value, without moving.
 *  Returns  a jobd_type; JOBD_T_END at the end and after an error.
 *  Blocks   no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API jobd_type jobd_read_type(const jobd_reader *r);

/** Read nil.
 *  Returns  0 | JOBD_E_PROTO (another type, or cut short); then every later read fails the same way.
 *  Blocks   no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_nil(jobd_reader *r);

/** Read a boolean. *ret is written only on success.
 *  Returns  as jobd_read_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_bool(jobd_reader *r, bool *ret);

/** Read an integer that fits int64_t.
 *  Returns  as jobd_read_nil(); a value out of range is JOBD_E_PROTO too.
 *  Blocks   no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_i64(jobd_reader *r, int64_t *ret);

/** Read an integer that fits uint64_t.
 *  Returns  as jobd_read_i64().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_u64(jobd_reader *r, uint64_t *ret);

/** Read a floating-point number; an integer is accepted and converted.
 *  Returns  as jobd_read_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_f64(jobd_reader *r, double *ret);

/** Read text. The UTF-8 is not verified.
 *  Owns     *ret is a view into the input.
 *  Returns  as jobd_read_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_str(jobd_reader *r, jobd_bytes *ret);

/** Read bytes.
 *  Owns     *ret is a view into the input.
 *  Returns  as jobd_read_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_bin(jobd_reader *r, jobd_bytes *ret);

/** Read the head of an array: *ret_n items follow. A count above the bytes left is refused.
 *  Returns  as jobd_read_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_array(jobd_reader *r, uint32_t *ret_n);

/** Read the head of a map: *ret_n pairs follow. A count above half the bytes left is refused.
 *  Returns  as jobd_read_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_map(jobd_reader *r, uint32_t *ret_n);

/** Skip one whole value of any type and depth, without recursion.
 *  Returns  as jobd_read_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_skip(jobd_reader *r);

/** Read one whole value of any type as the bytes that encode it.
 *  Owns     *ret is a view into the input.
 *  Returns  as jobd_read_nil().   Blocks  no.   Thread  [OBJ][CB].   Since  0.1. */
JOBD_API int jobd_read_raw(jobd_reader *r, jobd_bytes *ret);

#ifdef __cplusplus
}
#endif
#endif
