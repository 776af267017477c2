#include "follow.h"

#include "sched.h"
#include "state.h"

struct follower *follower_at(const struct core *core, uint32_t index) {
    return JD_SLAB_AT(&core->followers, index, struct follower);
}

uint32_t follow_first(const struct core *core, const struct job *job) {
    return job->side ? job_side_at(&core->jobs, job->side)->followers : 0;
}

int follow_add(struct core *core, uint32_t index, uint32_t client, uint32_t handle) {
    struct job *job = job_at(&core->jobs, index);
    unsigned n = 0;
    for (uint32_t f = follow_first(core, job); f; f = follower_at(core, f)->next)
        n++;
    if (n == FOLLOWERS_MAX)
        return JOBD_E_LIMIT;
    struct job_side *side = job_side_make(core, job);
    uint32_t new = side ? jd_slab_take(&core->followers) : 0;
    if (!new)
        return JOBD_E_NOMEM;
    if (!handles_set(&client_at(&core->clients, client)->handles, handle, index)) {
        jd_slab_give(&core->followers, new);
        return JOBD_E_NOMEM;
    }
    *follower_at(core, new) = (struct follower){client, handle, side->followers};
    side->followers = new;
    return 0;
}

// Takes one out of the list; 0 = it is not there.
static uint32_t unlink_follower(struct core *core, struct job_side *side, uint32_t client,
                                uint32_t handle) {
    for (uint32_t *link = &side->followers; *link; link = &follower_at(core, *link)->next) {
        const struct follower *f = follower_at(core, *link);
        if (f->client != client || f->handle != handle)
            continue;
        uint32_t index = *link;
        *link = f->next;
        return index;
    }
    return 0;
}

// The first follower becomes the owner. False = no memory for its lane.
static bool succeed(struct core *core, struct job *job, struct job_side *side) {
    uint32_t index = side->followers;
    struct follower heir = *follower_at(core, index);
    if (job->lane && !sched_move(core, job, heir.client))
        return false;
    side->followers = heir.next;
    jd_slab_give(&core->followers, index);
    job->client = heir.client;
    job->handle = heir.handle & 0xffffff;
    return true;
}

bool follow_leave(struct core *core, uint32_t index, uint32_t client, uint32_t handle) {
    struct job *job = job_at(&core->jobs, index);
    struct job_side *side = job->side ? job_side_at(&core->jobs, job->side) : NULL;
    bool owner = job->client == client && job->handle == handle;
    if (owner) {
        if (!side || !side->followers || !succeed(core, job, side))
            return false;
    } else {
        uint32_t gone = unlink_follower(core, side, client, handle);
        JD_ASSERT(gone);
        jd_slab_give(&core->followers, gone);
    }
    handles_clear(&client_at(&core->clients, client)->handles, handle);
    return true;
}

void follow_end(struct core *core, uint32_t index) {
    const struct job *job = job_at(&core->jobs, index);
    struct job_side *side = job->side ? job_side_at(&core->jobs, job->side) : NULL;
    while (side && side->followers) {
        uint32_t at = side->followers;
        struct follower f = *follower_at(core, at);
        side->followers = f.next;
        jd_slab_give(&core->followers, at);
        handles_clear(&client_at(&core->clients, f.client)->handles, f.handle);
        client_settle(core, f.client);
    }
}
