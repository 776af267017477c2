// A job that is many calls of its task.
#ifndef WORKER_CHUNK_H
#define WORKER_CHUNK_H

#include "ctx.h"

// Calls the task for each of the ctx->n_items items of args, an array of arguments. Their results,
// nil where there is none, are one array in ctx->value: of all items, or of those before the one
// that failed. 0 | why an item failed, ctx->item says which.
int chunk_run(jobd_task_ctx *ctx, const jobd_task_def *task, jobd_bytes args);

#endif
