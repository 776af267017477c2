// The running job, as its task sees it: the worker's side of jobd/task.h. One per compute thread,
// used for one job after the other; in steady state nothing is allocated.
#ifndef WORKER_CTX_H
#define WORKER_CTX_H

#include <jobd/task.h>

#include "arena.h"
#include "board.h"
#include "msg.h"

enum { CTX_MESSAGE_BYTES = 256 };

struct jobd_task_ctx {
    struct jd_board *board;
    unsigned slot;
    uint64_t seq;
    uint64_t job;
    uint32_t attempt;
    uint64_t start_ns;
    uint64_t deadline_ns;             // 0 = the job has no time limit
    struct jd_buf value;              // what result() was given
    int value_err;                    // what the last result() returned
    size_t value_bytes;               // what the last result() was offered
    char name[JD_ERROR_NAME_MAX + 1]; // what fail() was given, or the worker has to say
    char message[CTX_MESSAGE_BYTES];
    struct arena arena;
    bool has_progress[JD_BOARD_SLOTS]; // whose report is on the board
};

extern const jobd_host ctx_host;

// board is borrowed for the life of ctx. A result may have max_value_bytes.
void ctx_init(jobd_task_ctx *ctx, struct jd_board *board, size_t max_value_bytes);
void ctx_free(jobd_task_ctx *ctx);

// Before the claim: a job never shows its predecessor's progress.
void ctx_clear_progress(jobd_task_ctx *ctx, unsigned slot);
void ctx_begin(jobd_task_ctx *ctx, const struct jd_run *run, uint64_t start_ns);
// After fn returned `returned`: fills value, error, name and text of ret, which has its other
// fields. They are views into ctx until ctx_end().
void ctx_outcome(jobd_task_ctx *ctx, int returned, struct jd_result *ret);
// The job is over and its RESULT packed.
void ctx_end(jobd_task_ctx *ctx);

#endif
