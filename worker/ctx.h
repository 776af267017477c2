// The running job, from its claim to its RESULT. One per compute thread, used for one job after the
// other; in steady state nothing is allocated. What its task can do with it is in host.h.
#ifndef WORKER_CTX_H
#define WORKER_CTX_H

#include <jobd/task.h>

#include "arena.h"
#include "post.h"

enum { CTX_MESSAGE_BYTES = 256 };

enum ctx_kind {
    CTX_JOB,
    CTX_INNER, // an item of a map that runs within the job that called: it says nothing of its own
    CTX_INIT,  // the initializer, before the first job
};

struct jobd_task_ctx {
    struct post *post;
    enum ctx_kind kind;
    unsigned slot;
    uint64_t seq;
    uint64_t job;
    uint32_t attempt;
    uint32_t item, n_items; // of a chunk; any other job is item 0 of 1
    bool chunk;
    uint64_t start_ns;
    uint64_t deadline_ns;             // 0 = the job has no time limit
    uint64_t stop_ns;                 // no further item begins after this; 0 = no limit
    struct jd_buf value;              // what result() was given; of a chunk, all of it so far
    size_t value_from;                // where in it the running item's begins
    int value_err;                    // what the last result() returned
    size_t value_bytes;               // what the last result() was offered
    int status;                       // of a program that has ended: its exit code, or -signal
    char name[JD_ERROR_NAME_MAX + 1]; // what fail() was given, or the worker has to say
    char message[CTX_MESSAGE_BYTES];
    struct arena arena;
};

// post is borrowed for the life of ctx.
void ctx_init(jobd_task_ctx *ctx, struct post *post);
void ctx_free(jobd_task_ctx *ctx);

void ctx_begin(jobd_task_ctx *ctx, const struct jd_run *run, uint64_t start_ns);
// For an initializer: there is no job.
void ctx_begin_init(jobd_task_ctx *ctx);
// For items of a map that run within the job of `outer`.
void ctx_begin_inner(jobd_task_ctx *ctx, const jobd_task_ctx *outer, uint32_t n_items);

// The next item of a chunk, from 0: what the last one said is forgotten, its result is not.
void ctx_begin_item(jobd_task_ctx *ctx, uint32_t item);
// The item that failed leaves no result.
void ctx_drop_item(jobd_task_ctx *ctx);

bool ctx_cancelled(const jobd_task_ctx *ctx);
// What host->result() and host->fail() return.
int ctx_set_value(jobd_task_ctx *ctx, jobd_bytes value);
int ctx_fail(jobd_task_ctx *ctx, const char *name, const char *message);

// What it means that fn returned `returned`: 0 | a JOBD_E_*, with name and message.
int ctx_error(jobd_task_ctx *ctx, int returned);
// Fills value, error, name, text and status of ret, which has its other fields. They are views into
// ctx until ctx_end().
void ctx_outcome(const jobd_task_ctx *ctx, int error, struct jd_result *ret);
// The job is over and its RESULT packed.
void ctx_end(jobd_task_ctx *ctx);

#endif
