// The pipes of a process: each is one end of a pair of stream sockets. A message is a u32
// big-endian length and that many bytes.
#ifndef WORKER_PIPES_H
#define WORKER_PIPES_H

#include "ctx.h"

enum { PIPES_FIRST_FD = 5, PIPES_MESSAGE_MAX_BYTES = 1 << 20 };

struct pipe_end {
    int fd; // -1 = closed
    struct jd_buf in;
    size_t handed_out; // of it: the message given last, and its head
};
struct pipes {
    uint32_t n;
    struct pipe_end end[JD_PIPES_MAX];
};

// Takes the n descriptors from PIPES_FIRST_FD on, which no program that a task starts will have.
int pipes_open(struct pipes *p, uint32_t n, jobd_error *reterr);
// May be called again.
void pipes_close(struct pipes *p);

// As jobd/task.h says of the functions of jobd_host.
uint32_t pipes_count(const jobd_task_ctx *ctx);
int pipes_send(jobd_task_ctx *ctx, uint32_t pipe, jobd_bytes message, int64_t timeout_ms);
int pipes_recv(jobd_task_ctx *ctx, uint32_t pipe, int64_t timeout_ms, jobd_bytes *ret);
int pipes_poll(jobd_task_ctx *ctx, uint32_t pipe, int64_t timeout_ms);
int pipes_close_one(jobd_task_ctx *ctx, uint32_t pipe);

#endif
