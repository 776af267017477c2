// Pools at run time: create, resize, pause, drain, delete.
#ifndef CORE_MANAGE_H
#define CORE_MANAGE_H

#include "msg.h"
#include "slab.h"

struct core;
struct pool;

// Somebody waits until a pool is empty.
struct drain {
    uint64_t session;
    uint32_t peer;
    uint32_t request;
    uint32_t next;
};

void manage_on_request(struct core *core, uint32_t client, const struct jd_msg *msg);
// Answers those who wait for pools that are empty now, and ends pools that are being deleted.
void manage_run(struct core *core);

#endif
