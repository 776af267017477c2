#include "sched.h"

#include "state.h"

enum {
    MISSES_MAX = 8, // lanes whose first job fits nowhere, before the rest is left for later
    OVERTAKES_MAX = JD_WINDOW_MAX, // jobs that may go before one whose turn it is
    SHARE_ABOVE_NS = 100000,
};

// Just before the lane whose turn it is: last.
static void ring_add(struct clients *c, uint32_t index) {
    struct lane *lane = lane_at(c, index);
    uint32_t *ring = &lane->pool->ring[lane->level];
    uint32_t next = *ring ? *ring : index;
    uint32_t prev = *ring ? lane_at(c, next)->ring_prev : index;
    lane->ring_next = next;
    lane->ring_prev = prev;
    lane_at(c, prev)->ring_next = index;
    lane_at(c, next)->ring_prev = index;
    if (*ring)
        return;
    *ring = index;
    lane->pool->levels[lane->level / 64] |= UINT64_C(1) << lane->level % 64;
    if (lane->pool->level < 0 || lane->level < lane->pool->level)
        lane->pool->level = lane->level;
}

static int16_t smallest_level(const struct pool *pool) {
    for (unsigned i = 0; i < LEVELS / 64; i++)
        if (pool->levels[i])
            return (int16_t)(64 * i + (unsigned)__builtin_ctzll(pool->levels[i]));
    return -1;
}

static void ring_remove(struct clients *c, uint32_t index) {
    struct lane *lane = lane_at(c, index);
    uint32_t *ring = &lane->pool->ring[lane->level];
    if (*ring == index)
        *ring = lane->ring_next == index ? 0 : lane->ring_next;
    if (!*ring) {
        lane->pool->levels[lane->level / 64] &= ~(UINT64_C(1) << lane->level % 64);
        lane->pool->level = smallest_level(lane->pool);
    }
    lane_at(c, lane->ring_prev)->ring_next = lane->ring_next;
    lane_at(c, lane->ring_next)->ring_prev = lane->ring_prev;
    lane->ring_next = lane->ring_prev = 0;
}

bool sched_lane_may_run(const struct core *core, const struct lane *lane) {
    const struct clients *c = &core->clients;
    if (lane->n == 0 || client_at(c, lane->client)->paused)
        return false;
    const struct share *share = lane->capped ? share_at(c, lane->share) : NULL;
    return !share || share->out < share->cap;
}

void sched_update_lane(struct core *core, uint32_t index) {
    const struct lane *lane = lane_at(&core->clients, index);
    bool wanted = sched_lane_may_run(core, lane);
    bool there = lane->ring_next != 0;
    if (wanted && !there) {
        ring_add(&core->clients, index);
        core_pool_is_due(core, lane->pool);
    }
    if (!wanted && there)
        ring_remove(&core->clients, index);
}

// A job that does not fit anywhere may have made way for one that does.
static void set_head(struct core *core, struct lane *lane, uint32_t index) {
    lane->head = index;
    core_pool_is_due(core, lane->pool);
}

// Links a QUEUED job in after `prev` (0 = first).
static void link_after(struct core *core, uint32_t index, uint32_t prev) {
    struct jobs *jobs = &core->jobs;
    struct job *job = job_at(jobs, index);
    struct lane *lane = lane_at(&core->clients, job->lane);
    job->prev = prev;
    job->next = prev ? job_at(jobs, prev)->next : lane->head;
    if (prev)
        job_at(jobs, prev)->next = index;
    else
        set_head(core, lane, index);
    if (job->next)
        job_at(jobs, job->next)->prev = index;
    else
        lane->tail = index;
    lane->n++;
    lane->pool->n_queued++;
    if (lane->n == 1)
        sched_update_lane(core, job->lane);
}

void sched_add(struct core *core, uint32_t index) {
    link_after(core, index, lane_at(&core->clients, job_at(&core->jobs, index)->lane)->tail);
}

// Its place is by its id. Jobs that come back are mostly the oldest, those that were delayed mostly the
// newest: the search goes from both ends.
void sched_put_back(struct core *core, uint32_t index) {
    struct jobs *jobs = &core->jobs;
    struct job *job = job_at(jobs, index);
    const struct lane *lane = lane_at(&core->clients, job->lane);
    uint32_t prev = 0, next = lane->head, last = lane->tail;
    while (next && job_at(jobs, next)->id < job->id && job_at(jobs, last)->id > job->id) {
        prev = next;
        next = job_at(jobs, next)->next;
        last = job_at(jobs, last)->prev;
    }
    bool after_last = next && last && job_at(jobs, last)->id < job->id;
    link_after(core, index, after_last ? last : prev);
}

bool sched_move(struct core *core, struct job *job, uint32_t client) {
    struct clients *c = &core->clients;
    const struct lane *from = lane_at(c, job->lane);
    uint32_t index = ids_find(&core->ids, job->id);
    uint32_t share = share_of(core, client, from->pool);
    uint32_t lane = share ? share_lane(core, share, lane_priority(from)) : 0;
    if (!lane)
        return false;
    bool out = job->state == JOBD_JOB_SENT || job->state == JOBD_JOB_RUNNING;
    if (job->state == JOBD_JOB_QUEUED)
        sched_remove(core, index);
    if (out && from->capped)
        share_out(core, from->share, -1);
    job->lane = lane;
    if (job->state == JOBD_JOB_QUEUED)
        sched_put_back(core, index);
    return true;
}

void sched_remove(struct core *core, uint32_t index) {
    struct jobs *jobs = &core->jobs;
    struct job *job = job_at(jobs, index);
    if (job->state != JOBD_JOB_QUEUED || !job->lane)
        return;
    struct lane *lane = lane_at(&core->clients, job->lane);
    if (job->prev)
        job_at(jobs, job->prev)->next = job->next;
    else
        set_head(core, lane, job->next);
    if (job->next)
        job_at(jobs, job->next)->prev = job->prev;
    else
        lane->tail = job->prev;
    job->next = job->prev = 0;
    lane->n--;
    lane->pool->n_queued--;
    if (lane->n == 0)
        sched_update_lane(core, job->lane);
}

// One with a free thread, the one used last; else, of those with room, the one with least to do.
// -1 = none.
static int pick_worker(const struct core *core, const struct pool *pool, const struct job *job,
                       uint32_t est_ns) {
    if (!pool_has_slot(pool))
        return -1;
    if (pool->idle)
        return (int)pool->idle - 1;
    int best = -1;
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next) {
        const struct worker *w = &core->workers[i - 1];
        if (!w->open || !window_has_room(w, est_ns, job->args_bytes))
            continue;
        if (best < 0 || w->est_ns < core->workers[best].est_ns)
            best = (int)i - 1;
    }
    return best;
}

bool sched_could_start(const struct core *core, const struct pool *pool) {
    if (pool->level < 0 || pool->paused)
        return false;
    uint32_t head = lane_at(&core->clients, pool->ring[pool->level])->head;
    const struct job *job = job_at(&core->jobs, head);
    return pick_worker(core, pool, job, task_estimate_ns(&core->tasks.list[job->task])) >= 0;
}

// A job whose task no worker has, found out only now that the first worker has said what it has.
static void end_unknown(struct core *core, uint32_t index) {
    struct job *job = job_at(&core->jobs, index);
    jobd_bytes name = jd_text(core->tasks.list[job->task].name);
    struct fate fate = {
        .state = JOBD_JOB_FAILED, .error = JOBD_E_NOTASK, .text = task_unknown_text(core, name)};
    job_end(core, index, &fate);
}

// Gives the lane's first job to a worker. False = there is no room for it.
static bool start_one(struct core *core, struct pool *pool, uint32_t lane) {
    uint32_t index = lane_at(&core->clients, lane)->head;
    struct job *job = job_at(&core->jobs, index);
    const struct task *task = &core->tasks.list[job->task];
    if (!task->known) {
        sched_remove(core, index);
        end_unknown(core, index);
        return true;
    }
    uint32_t est_ns = task_estimate_ns(task);
    int worker = pick_worker(core, pool, job, est_ns);
    if (worker < 0)
        return false;
    sched_remove(core, index);
    window_dispatch(core, (uint32_t)worker, index, est_ns);
    return true;
}

// The job whose turn it is needs more room than there is. Some of the next ones may fit, and may go
// first; but not for ever, else a stream of short jobs would never let a long or large one in.
static bool overtake(struct core *core, struct pool *pool, int level) {
    struct clients *c = &core->clients;
    const uint32_t *ring = &pool->ring[level];
    uint32_t lane = lane_at(c, *ring)->ring_next;
    if (pool->n_overtakes == OVERTAKES_MAX)
        return false;
    for (unsigned misses = 0; lane != *ring && misses < MISSES_MAX; misses++) {
        uint32_t next = lane_at(c, lane)->ring_next;
        if (start_one(core, pool, lane)) {
            pool->n_overtakes++;
            if (lane_at(c, lane)->ring_next) { // it has had its turn
                ring_remove(c, lane);
                ring_add(c, lane);
            }
            return true;
        }
        lane = next;
    }
    return false;
}

// False = there may be more to start: come back.
static bool start_jobs(struct core *core, struct pool *pool) {
    unsigned left = STEP_OBJECTS_MAX;
    while (pool->level >= 0) {
        int level = pool->level;
        if (left-- == 0 || core_is_full(core)) {
            core->more = true;
            return false;
        }
        uint32_t lane = pool->ring[level];
        uint32_t next = lane_at(&core->clients, lane)->ring_next;
        if (start_one(core, pool, lane)) {
            pool->n_overtakes = 0;
            if (pool->ring[level] == lane)
                pool->ring[level] = next; // the next lane's turn
        } else if (!overtake(core, pool, level)) {
            return true;
        }
    }
    return true;
}

// A worker ran dry and nothing waits: it gets the later half of what the busiest one was sent and
// has not begun, if that is worth it, or if that one is stuck in a job.
static void share_work(struct core *core, struct pool *pool) {
    struct worker *busiest = NULL;
    uint32_t number = 0;
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next) {
        struct worker *w = &core->workers[i - 1];
        bool worth_it = w->n_out > w->n_threads && (w->est_ns > SHARE_ABOVE_NS || w->stuck);
        if (w->state == WORKER_READY && worth_it && (!busiest || w->est_ns > busiest->est_ns)) {
            busiest = w;
            number = i - 1;
        }
    }
    if (!busiest)
        return;
    unsigned n = (busiest->n_out - busiest->n_threads + 1u) / 2u; // the first ones probably run
    for (uint16_t slot = busiest->out_tail; slot != SLOT_NONE && n > 0; n--) {
        uint16_t prev = busiest->slot[slot].prev;
        if (busiest->slot[slot].state == SLOT_SENT)
            window_revoke(core, number, slot, REVOKE_SHARE);
        slot = prev;
    }
}

static void run_pool(struct core *core, struct pool *pool) {
    if (pool->n_resuming > 0 && lend_run(core, pool))
        return; // until one has nothing to do
    if (pool->paused)
        return;
    bool tried_all = start_jobs(core, pool);
    if (pool->look_for_work && pool->idle && pool->level < 0)
        share_work(core, pool);
    pool->look_for_work = false;
    if (tried_all && pool->n_resuming == 0)
        core->pools_due &= ~(UINT64_C(1) << pool->number);
}

void sched_run(struct core *core) {
    if (!core->tasks.settled || core->killing)
        return;
    for (uint64_t due = core->pools_due; due; due &= due - 1)
        run_pool(core, core->pools[__builtin_ctzll(due)]);
}

void sched_cancel_queued(struct core *core, struct pool *pool, const char *why) {
    unsigned left = STEP_OBJECTS_MAX;
    uint32_t index = core->cancel_walk;
    while ((index = jobs_next(&core->jobs, index + 1)) != 0) {
        if (left-- == 0 || core_is_full(core)) {
            core->cancel_walk = index - 1;
            core->more = true;
            return;
        }
        const struct job *job = job_at(&core->jobs, index);
        if (job_waits(job) && (!pool || job_pool(core, job) == pool))
            job_withdraw(core, index, why);
    }
    core->cancel_walk = 0;
}
