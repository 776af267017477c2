#include "sched.h"

#include "state.h"

enum {
    MISSES_MAX = 8, // lanes whose first job fits nowhere, before the rest is left for later
    OVERTAKES_MAX = JD_WINDOW_MAX, // jobs that may go before one whose turn it is
    SHARE_ABOVE_NS = 100000,
};

// Just before the lane whose turn it is: last.
static void ring_add(struct clients *c, struct pool *pool, uint32_t index) {
    struct lane *lane = lane_at(c, index);
    uint32_t next = pool->ring ? pool->ring : index;
    uint32_t prev = pool->ring ? lane_at(c, next)->ring_prev : index;
    lane->ring_next = next;
    lane->ring_prev = prev;
    lane_at(c, prev)->ring_next = index;
    lane_at(c, next)->ring_prev = index;
    if (!pool->ring)
        pool->ring = index;
}

static void ring_remove(struct clients *c, struct pool *pool, uint32_t index) {
    struct lane *lane = lane_at(c, index);
    if (pool->ring == index)
        pool->ring = lane->ring_next == index ? 0 : lane->ring_next;
    lane_at(c, lane->ring_prev)->ring_next = lane->ring_next;
    lane_at(c, lane->ring_next)->ring_prev = lane->ring_prev;
    lane->ring_next = lane->ring_prev = 0;
}

void sched_update_lane(struct core *core, uint32_t index) {
    struct clients *c = &core->clients;
    struct lane *lane = lane_at(c, index);
    bool wanted = lane->n > 0 && !client_at(c, lane->client)->paused;
    bool there = lane->ring_next != 0;
    if (wanted && !there)
        ring_add(c, lane->pool, index);
    if (!wanted && there)
        ring_remove(c, lane->pool, index);
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
        lane->head = index;
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

void sched_put_back(struct core *core, uint32_t index) {
    struct jobs *jobs = &core->jobs;
    struct job *job = job_at(jobs, index);
    // Only jobs that were sent before and came back can be older: a few, at the very front.
    uint32_t prev = 0, next = lane_at(&core->clients, job->lane)->head;
    while (next && job_at(jobs, next)->id < job->id) {
        prev = next;
        next = job_at(jobs, next)->next;
    }
    link_after(core, index, prev);
}

void sched_remove(struct core *core, uint32_t index) {
    struct jobs *jobs = &core->jobs;
    struct job *job = job_at(jobs, index);
    struct lane *lane = lane_at(&core->clients, job->lane);
    if (job->prev)
        job_at(jobs, job->prev)->next = job->next;
    else
        lane->head = job->next;
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

// An idle worker, the one used last; else, of those with room, the one with least to do. -1 = none.
static int pick_worker(const struct core *core, const struct pool *pool, const struct job *job,
                       uint32_t est_ns) {
    if (pool->idle)
        return (int)pool->idle - 1;
    int best = -1;
    for (uint32_t i = 0; i < pool->n_workers; i++) {
        const struct worker *w = &core->workers[pool->first_worker + i];
        if (!worker_takes_jobs(w) || w->stop_why || !window_has_room(w, est_ns, job->args_bytes))
            continue;
        if (best < 0 || w->est_ns < core->workers[best].est_ns)
            best = (int)(pool->first_worker + i);
    }
    return best;
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
static bool overtake(struct core *core, struct pool *pool) {
    struct clients *c = &core->clients;
    uint32_t lane = lane_at(c, pool->ring)->ring_next;
    if (pool->n_overtakes == OVERTAKES_MAX)
        return false;
    for (unsigned misses = 0; lane != pool->ring && misses < MISSES_MAX; misses++) {
        uint32_t next = lane_at(c, lane)->ring_next;
        if (start_one(core, pool, lane)) {
            pool->n_overtakes++;
            if (lane_at(c, lane)->ring_next) { // it has had its turn
                ring_remove(c, pool, lane);
                ring_add(c, pool, lane);
            }
            return true;
        }
        lane = next;
    }
    return false;
}

static void start_jobs(struct core *core, struct pool *pool) {
    unsigned left = STEP_OBJECTS_MAX;
    while (pool->ring) {
        if (left-- == 0) {
            core->more = true;
            return;
        }
        uint32_t lane = pool->ring;
        uint32_t next = lane_at(&core->clients, lane)->ring_next;
        if (start_one(core, pool, lane)) {
            pool->n_overtakes = 0;
            if (pool->ring == lane)
                pool->ring = next; // the next lane's turn
        } else if (!overtake(core, pool)) {
            return;
        }
    }
}

// A worker ran dry and nothing waits: it gets the later half of what the busiest one was sent and
// has not begun, if that is worth it, or if that one is stuck in a job.
static void share_out(struct core *core, struct pool *pool) {
    struct worker *busiest = NULL;
    uint32_t number = 0;
    for (uint32_t i = pool->first_worker; i < pool->first_worker + pool->n_workers; i++) {
        struct worker *w = &core->workers[i];
        bool worth_it = w->n_out >= 2 && (w->est_ns > SHARE_ABOVE_NS || w->stuck);
        if (w->state == WORKER_READY && worth_it && (!busiest || w->est_ns > busiest->est_ns)) {
            busiest = w;
            number = i;
        }
    }
    if (!busiest)
        return;
    unsigned n = busiest->n_out / 2u; // the first is probably running
    for (uint16_t slot = busiest->out_tail; slot != SLOT_NONE && n > 0; n--) {
        uint16_t prev = busiest->slot[slot].prev;
        if (busiest->slot[slot].state == SLOT_SENT)
            window_revoke(core, number, slot, REVOKE_SHARE);
        slot = prev;
    }
}

void sched_run(struct core *core) {
    struct pool *pool = &core->pool;
    if (!core->tasks.settled || core->killing)
        return;
    start_jobs(core, pool);
    if (!pool->look_for_work)
        return;
    pool->look_for_work = false;
    if (pool->idle && !pool->ring)
        share_out(core, pool);
}

void sched_cancel_queued(struct core *core, const char *why) {
    struct clients *c = &core->clients;
    unsigned left = STEP_OBJECTS_MAX;
    for (uint32_t p = 0; p < c->n_peers; p++) {
        uint32_t lane = c->by_peer[p] ? client_at(c, c->by_peer[p])->lanes : 0;
        for (; lane; lane = lane_at(c, lane)->next) {
            while (lane_at(c, lane)->head) {
                if (left-- == 0) {
                    core->more = true;
                    return;
                }
                uint32_t index = lane_at(c, lane)->head;
                sched_remove(core, index);
                job_end_cancelled(core, index, why);
            }
        }
    }
}
