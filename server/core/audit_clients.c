// What must hold for clients, what they have in the pools, and what is kept for them.
#include "audit.h"
#include "follow.h"
#include "manage.h"
#include "sched.h"
#include "state.h"

static void audit_lane(const struct core *core, uint32_t index) {
    const struct clients *c = &core->clients;
    const struct lane *lane = lane_at(c, index);
    uint32_t n = 0, prev = 0;
    uint64_t last_id = 0;
    for (uint32_t i = lane->head; i; i = job_at(&core->jobs, i)->next) {
        const struct job *job = job_at(&core->jobs, i);
        JD_ASSERT(job->state == JOBD_JOB_QUEUED && job->lane == index && job->prev == prev);
        JD_ASSERT(job->id > last_id); // the order of submission, for life
        JD_ASSERT(job->client == lane->client);
        last_id = job->id;
        prev = i;
        n++;
    }
    JD_ASSERT(lane->tail == prev && lane->n == n);
    bool in_ring = lane->ring_next != 0;
    bool has_ring = lane->pool->levels[lane->level / 64] >> lane->level % 64 & 1;
    JD_ASSERT(in_ring == sched_lane_may_run(core, lane));
    JD_ASSERT(!in_ring || (has_ring && lane->pool->ring[lane->level]));
}

// Jobs of a share that are out.
static uint32_t count_out(const struct core *core, uint32_t share) {
    uint32_t n = 0;
    for (uint32_t i = 0; (i = jobs_next(&core->jobs, i + 1)) != 0;) {
        const struct job *job = job_at(&core->jobs, i);
        bool out = job->state == JOBD_JOB_SENT || job->state == JOBD_JOB_RUNNING;
        n += out && job->lane && lane_at(&core->clients, job->lane)->share == share;
    }
    return n;
}

static void audit_shares(const struct core *core, uint32_t index, uint32_t *shares) {
    const struct clients *c = &core->clients;
    for (uint32_t s = client_at(c, index)->shares; s; s = share_at(c, s)->next) {
        const struct share *share = share_at(c, s);
        JD_ASSERT(share->client == index);
        JD_ASSERT(!share->cap || share->out <= share->cap);
        JD_ASSERT(!share->cap || share->out == count_out(core, s));
        shares[share->pool->number]++;
        for (uint32_t lane = share->lanes; lane; lane = lane_at(c, lane)->next) {
            JD_ASSERT(lane_at(c, lane)->client == index && lane_at(c, lane)->share == s);
            JD_ASSERT(lane_at(c, lane)->capped == (share->cap > 0));
            audit_lane(core, lane);
        }
    }
}

static bool is_follower(const struct core *core, const struct job *job, uint32_t client,
                        uint32_t handle) {
    for (uint32_t f = follow_first(core, job); f; f = follower_at(core, f)->next)
        if (follower_at(core, f)->client == client && follower_at(core, f)->handle == handle)
            return true;
    return false;
}

static void audit_client(const struct core *core, uint32_t index, uint32_t *shares) {
    const struct client *client = client_at(&core->clients, index);
    uint32_t handle, from = 0;
    for (uint32_t n = 0; n < client->handles.used; n++) {
        uint32_t job_index = handles_next(&client->handles, from, &handle);
        JD_ASSERT(job_index);
        const struct job *job = job_at(&core->jobs, job_index);
        bool owner = job->client == index && job->handle == handle;
        JD_ASSERT(owner || is_follower(core, job, index, handle));
        JD_ASSERT(!job_state_is_final(job->state) && job->state != JOBD_JOB_NONE);
        JD_ASSERT(!owner || !(job->flags & JOB_OWNER_GONE) || client->state == CLIENT_GONE);
        from = handle + 1;
    }
    audit_shares(core, index, shares);
}

// A task that calls, and the slot that it has lent.
static void audit_caller(const struct core *core, uint32_t index) {
    const struct client *client = client_at(&core->clients, index);
    if (!client->worker || client->state == CLIENT_GONE)
        return;
    const struct worker *w = &core->workers[client->worker - 1];
    JD_ASSERT(w->slot[client->slot].has_more && w->more[client->slot].lent);
    JD_ASSERT(w->more[client->slot].caller == index);
}

static void audit_connections(const struct core *core) {
    const struct clients *c = &core->clients;
    uint32_t n = 0, watchers = 0;
    for (uint32_t p = 0; p < c->n_peers; p++) {
        if (!c->by_peer[p])
            continue;
        const struct client *client = client_at(c, c->by_peer[p]);
        JD_ASSERT(client->peer == p && client->state != CLIENT_GONE && !client->worker);
        watchers += client->watching;
        n++;
    }
    JD_ASSERT(n == c->n && watchers == core->n_watchers);
}

void audit_clients(const struct core *core) {
    const struct clients *c = &core->clients;
    uint32_t shares[JD_POOLS_MAX] = {0}, drains = 0, n = 0;
    uint32_t per_chunk = 1u << c->slab.shift;
    audit_connections(core);
    for (uint32_t k = 0; k < c->slab.n_chunks; k++) {
        for (uint32_t i = 0; c->slab.dir[k] && i < per_chunk - c->slab.dir[k]->n_fresh; i++) {
            uint32_t index = k * per_chunk + i + 1;
            if (client_at(c, index)->state == CLIENT_NONE)
                continue;
            audit_client(core, index, shares);
            audit_caller(core, index);
            n++;
        }
    }
    JD_ASSERT(n == c->slab.used);
    for (uint32_t i = 0; i < core->n_pools; i++) {
        const struct pool *pool = core->pools[i];
        JD_ASSERT((pool ? pool->n_shares : 0) == shares[i]);
        for (uint32_t d = pool ? pool->drains : 0; d; drains++)
            d = ((const struct drain *)jd_slab_at(&core->drains, d))->next;
    }
    JD_ASSERT(drains == core->drains.used);
}

static uint32_t audit_ring(const struct core *core, const struct kept_ring *ring,
                           uint64_t *ret_bytes) {
    uint32_t keys = 0;
    JD_ASSERT(ring->n <= ring->cap && ring->n <= core->cfg.max_kept);
    for (uint32_t i = 0; i < ring->n; i++) {
        const struct kept *k = &ring->list[(ring->first + i) % ring->cap];
        JD_ASSERT(job_state_is_final(k->state) && k->end_ns <= core->now_ns);
        keys += k->key != 0;
        *ret_bytes += k->value_bytes;
    }
    if (ring->n > 0) // and it will be forgotten in time
        JD_ASSERT(core->wake_ns <= ring->list[ring->first].end_ns + core->cfg.keep_ns);
    return keys;
}

void audit_kept(const struct core *core) {
    uint64_t bytes = 0;
    uint32_t keys = audit_ring(core, &core->kept.owned, &bytes);
    keys += audit_ring(core, &core->kept.detached, &bytes);
    JD_ASSERT(bytes == core->kept.bytes && bytes <= core->cfg.max_kept_bytes);
    for (uint32_t i = 0; (i = jobs_next(&core->jobs, i + 1)) != 0;) {
        const struct job *job = job_at(&core->jobs, i);
        keys += job->side && job_side_at(&core->jobs, job->side)->key;
    }
    JD_ASSERT(keys == core->keys.slab.used);
}
