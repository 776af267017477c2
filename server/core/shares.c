// What a client has in a pool. Lanes stand in their pool's rings; a share puts all of its lanes in or
// takes them out, as its client reads and its limit allows.
#include "sched.h"
#include "state.h"

static uint32_t new_share(struct core *core, uint32_t client_index, struct pool *pool,
                          uint32_t cap) {
    struct clients *c = &core->clients;
    struct client *client = client_at(c, client_index);
    uint32_t index = jd_slab_take(&c->shares);
    if (!index)
        return 0;
    *share_at(c, index) =
        (struct share){.client = client_index, .pool = pool, .cap = cap, .next = client->shares};
    client->shares = index;
    pool->n_shares++;
    return index;
}

uint32_t share_of(struct core *core, uint32_t client, struct pool *pool) {
    const struct clients *c = &core->clients;
    uint32_t index = client_at(c, client)->shares;
    while (index && (share_at(c, index)->cap || share_at(c, index)->pool != pool))
        index = share_at(c, index)->next;
    return index ? index : new_share(core, client, pool, 0);
}

// One that an executor with a limit has left behind, with nothing in it.
static bool is_left(const struct clients *c, const struct share *share) {
    bool empty = share->cap && share->n_executors == 0 && share->out == 0;
    for (uint32_t lane = share->lanes; lane && empty; lane = lane_at(c, lane)->next)
        empty = lane_at(c, lane)->n == 0;
    return empty;
}

static uint32_t share_with_cap(struct core *core, uint32_t client, struct pool *pool,
                               uint32_t cap) {
    const struct clients *c = &core->clients;
    uint32_t index = client_at(c, client)->shares;
    while (index && (share_at(c, index)->pool != pool || !is_left(c, share_at(c, index))))
        index = share_at(c, index)->next;
    if (index)
        share_at(c, index)->cap = cap;
    return index ? index : new_share(core, client, pool, cap);
}

uint32_t share_take(struct core *core, uint32_t client, struct pool *pool, uint32_t cap) {
    uint32_t index = cap ? share_with_cap(core, client, pool, cap) : share_of(core, client, pool);
    if (index)
        share_at(&core->clients, index)->n_executors++;
    return index;
}

// It stays for the next executor, until the client or the pool goes: there may be jobs in it.
void share_give(struct core *core, uint32_t index) {
    struct share *share = share_at(&core->clients, index);
    share->n_executors--;
    if (share->pool->deleting)
        pool_unbalance(core, share->pool);
}

uint32_t share_lane(struct core *core, uint32_t index, int64_t priority) {
    struct clients *c = &core->clients;
    struct share *share = share_at(c, index);
    uint8_t level = (uint8_t)(priority + LEVEL_ZERO);
    uint32_t lane = share->lanes;
    while (lane && lane_at(c, lane)->level != level)
        lane = lane_at(c, lane)->next;
    if (lane)
        return lane;
    lane = jd_slab_take(&c->lanes);
    if (!lane)
        return 0;
    *lane_at(c, lane) = (struct lane){.client = share->client,
                                      .share = index,
                                      .level = level,
                                      .capped = share->cap > 0,
                                      .pool = share->pool,
                                      .next = share->lanes};
    share->lanes = lane;
    return lane;
}

static void update(struct core *core, const struct share *share) {
    for (uint32_t lane = share->lanes; lane; lane = lane_at(&core->clients, lane)->next)
        sched_update_lane(core, lane);
}

void share_out(struct core *core, uint32_t index, int change) {
    struct share *share = share_at(&core->clients, index);
    bool was_full = share->out >= share->cap;
    share->out = (uint32_t)((int)share->out + change);
    if (was_full != (share->out >= share->cap))
        update(core, share);
}

void shares_update(struct core *core, const struct client *client) {
    for (uint32_t s = client->shares; s; s = share_at(&core->clients, s)->next)
        update(core, share_at(&core->clients, s));
}

// The link to it leads to the next one then.
static void free_share(struct clients *c, uint32_t *link) {
    uint32_t index = *link;
    struct share *share = share_at(c, index);
    while (share->lanes) {
        uint32_t lane = share->lanes;
        JD_ASSERT(lane_at(c, lane)->n == 0 && !lane_at(c, lane)->ring_next);
        share->lanes = lane_at(c, lane)->next;
        jd_slab_give(&c->lanes, lane);
    }
    *link = share->next;
    share->pool->n_shares--;
    jd_slab_give(&c->shares, index);
}

void shares_free(struct core *core, struct client *client) {
    while (client->shares) {
        struct pool *pool = share_at(&core->clients, client->shares)->pool;
        free_share(&core->clients, &client->shares);
        if (pool->deleting)
            pool_unbalance(core, pool);
    }
}

static void leave(struct clients *c, struct client *client, const struct pool *pool) {
    for (uint32_t *link = &client->shares; *link;) {
        struct share *share = share_at(c, *link);
        if (share->pool == pool && share->n_executors == 0)
            free_share(c, link);
        else
            link = &share->next;
    }
}

void shares_leave(struct core *core, const struct pool *pool) {
    struct clients *c = &core->clients;
    leave(c, client_at(c, core->nobody), pool);
    for (uint32_t p = 0; p < c->n_peers && pool->n_shares > 0; p++)
        if (c->by_peer[p])
            leave(c, client_at(c, c->by_peer[p]), pool);
}
