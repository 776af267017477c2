// Every invariant of the core, for tests: the simulator calls this after each step. It trusts
// nothing that can be counted again.
#include "sched.h"
#include "state.h"

struct tally {
    uint32_t queued, out, handles, idle, ready, starting, empty;
};

static void audit_lane(const struct core *core, uint32_t index, struct tally *t) {
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
    JD_ASSERT(in_ring == (n > 0 && !client_at(c, lane->client)->paused));
    t->queued += n;
}

static void audit_client(const struct core *core, uint32_t index, struct tally *t) {
    const struct client *client = client_at(&core->clients, index);
    uint32_t handle, job_index, n = 0;
    for (uint32_t from = 0; (job_index = handles_next(&client->handles, from, &handle)) != 0;) {
        const struct job *job = job_at(&core->jobs, job_index);
        JD_ASSERT(job->client == index && job->handle == handle);
        JD_ASSERT(!job_state_is_final(job->state) && job->state != JOBD_JOB_NONE);
        JD_ASSERT(!(job->flags & JOB_OWNER_GONE) || client->state == CLIENT_GONE);
        from = handle + 1;
        n++;
    }
    JD_ASSERT(n == client->handles.used);
    t->handles += n;
    for (uint32_t lane = client->lanes; lane; lane = lane_at(&core->clients, lane)->next) {
        JD_ASSERT(lane_at(&core->clients, lane)->client == index);
        audit_lane(core, lane, t);
    }
}

static void audit_slot(const struct core *core, uint32_t number, uint16_t index) {
    const struct slot *slot = &core->workers[number].slot[index];
    const struct job *job = job_at(&core->jobs, slot->job);
    JD_ASSERT(job->worker == number && job->slot == index);
    JD_ASSERT((slot->state == SLOT_RUNNING) == (job->state == JOBD_JOB_RUNNING));
    JD_ASSERT(job->state == JOBD_JOB_SENT || job->state == JOBD_JOB_RUNNING);
}

static void audit_worker(const struct core *core, uint32_t number, struct tally *t) {
    const struct worker *w = &core->workers[number];
    uint64_t est_ns = 0, last_seq = 0;
    uint32_t n = 0, n_void = 0, bytes = 0;
    uint16_t prev = SLOT_NONE;
    for (uint16_t i = w->out_head; i != SLOT_NONE; i = w->slot[i].next) {
        audit_slot(core, number, i);
        JD_ASSERT(w->slot[i].prev == prev && w->slot[i].seq > last_seq);
        last_seq = w->slot[i].seq;
        est_ns += w->slot[i].est_ns;
        bytes += w->slot[i].bytes;
        prev = i;
        n++;
    }
    JD_ASSERT(w->out_tail == prev && w->n_out == n);
    JD_ASSERT(w->est_ns == est_ns && w->bytes == bytes && last_seq <= w->seq);
    for (uint16_t i = w->void_head; i != SLOT_NONE; i = w->slot[i].next) {
        JD_ASSERT(w->slot[i].state == SLOT_VOID && w->slot[i].seq > w->taken);
        n_void++;
    }
    JD_ASSERT(w->n_void == n_void && n + n_void + w->n_free == JD_WINDOW_MAX);
    bool has_process = w->state == WORKER_READY || w->state == WORKER_LEAVING;
    JD_ASSERT(n == 0 || has_process);
    JD_ASSERT(w->idle == (worker_takes_jobs(w) && n == 0 && w->n_free > 0));
    JD_ASSERT(!w->stop_why || w->slot[w->stop_slot].job != 0);
    t->out += n;
    t->idle += w->idle;
    t->ready += w->state == WORKER_READY;
    t->starting += w->state == WORKER_STARTING;
    t->empty += w->state == WORKER_EMPTY;
}

static void audit_pool(const struct core *core, const struct tally *t) {
    const struct pool *pool = &core->pool;
    JD_ASSERT(pool->n_queued == t->queued && pool->n_out == t->out);
    JD_ASSERT(pool->n_ready == t->ready && pool->n_starting == t->starting);
    JD_ASSERT(pool->n_empty == t->empty);
    uint32_t idle = 0, prev = 0;
    for (uint32_t i = pool->idle; i; i = core->workers[i - 1].idle_next) {
        JD_ASSERT(core->workers[i - 1].idle && core->workers[i - 1].idle_prev == prev);
        prev = i;
        idle++;
    }
    JD_ASSERT(idle == t->idle);
    // Work-conserving: nothing waits for a client that reads while a worker has nothing to do.
    JD_ASSERT(!(pool->ring && pool->idle) || core->more || core->killing);
    // Something is out, so somebody will look at it again.
    bool quiet = t->out == 0;
    JD_ASSERT(quiet || core->sample_ns != UINT64_MAX);
    JD_ASSERT(core->wake_ns <= core->sample_ns);
}

void core_audit(const struct core *core) {
    const struct clients *c = &core->clients;
    struct tally t = {0};
    uint32_t n = 0;
    for (uint32_t p = 0; p < c->n_peers; p++) {
        if (!c->by_peer[p])
            continue;
        JD_ASSERT(client_at(c, c->by_peer[p])->peer == p);
        JD_ASSERT(client_at(c, c->by_peer[p])->state != CLIENT_GONE);
        audit_client(core, c->by_peer[p], &t);
        n++;
    }
    JD_ASSERT(n == c->n);
    for (uint32_t i = 0; i < core->cfg.n_workers; i++)
        audit_worker(core, i, &t);
    // Those of clients that are gone are only reached through workers and sweeps.
    JD_ASSERT(core->jobs.slab.used >= t.handles);
    JD_ASSERT(t.queued <= core->pool.n_queued);
    t.queued = c->gone ? core->pool.n_queued : t.queued;
    JD_ASSERT(core->jobs.slab.used == core->pool.n_queued + core->pool.n_out);
    JD_ASSERT(core->next_id <= core->id_limit);
    const struct counts *k = &core->counts;
    uint64_t ended = k->done + k->failed + k->cancelled + k->killed + k->timed_out + k->lost;
    JD_ASSERT(k->submitted == ended + core->jobs.slab.used);
    audit_pool(core, &t);
}
