// Every invariant of the core, for tests: the simulator calls this after each step. It trusts
// nothing that can be counted again.
#include "audit.h"
#include "follow.h"
#include "sched.h"
#include "state.h"

struct tally {
    uint32_t jobs, queued, out; // of one pool
    uint32_t followers, timers, timed, processes;
};

static void audit_slot(const struct core *core, uint32_t number, uint16_t index) {
    const struct worker *w = &core->workers[number];
    const struct slot *slot = &w->slot[index];
    const struct job *job = job_at(&core->jobs, slot->job);
    JD_ASSERT(job->worker == number && job->slot == index);
    JD_ASSERT((slot->state == SLOT_RUNNING) == (job->state == JOBD_JOB_RUNNING));
    JD_ASSERT(job->state == JOBD_JOB_SENT || job->state == JOBD_JOB_RUNNING);
    JD_ASSERT(!slot->has_more || !w->more[index].lent ||
              client_at(&core->clients, w->more[index].caller)->worker == number + 1);
}

static void audit_window(const struct core *core, uint32_t number) {
    const struct worker *w = &core->workers[number];
    uint64_t est_ns = 0, last_seq = 0;
    uint32_t n = 0, n_void = 0, bytes = 0, n_lent = 0;
    uint16_t prev = SLOT_NONE;
    for (uint16_t i = w->out_head; i != SLOT_NONE; i = w->slot[i].next) {
        audit_slot(core, number, i);
        JD_ASSERT(w->slot[i].prev == prev && w->slot[i].seq > last_seq);
        last_seq = w->slot[i].seq;
        est_ns += w->slot[i].est_ns;
        bytes += w->slot[i].bytes;
        n_lent += w->slot[i].has_more && w->more[i].lent;
        prev = i;
        n++;
    }
    JD_ASSERT(w->out_tail == prev && w->n_out == n && w->n_lent == n_lent);
    JD_ASSERT(w->est_ns == est_ns && w->bytes == bytes && last_seq <= w->seq);
    for (uint16_t i = w->void_head; i != SLOT_NONE; i = w->slot[i].next) {
        JD_ASSERT(w->slot[i].state == SLOT_VOID && w->slot[i].seq > w->taken);
        n_void++;
    }
    JD_ASSERT(w->n_void == n_void && n + n_void + w->n_free == JD_WINDOW_MAX);
}

static void audit_worker(const struct core *core, uint32_t number) {
    const struct worker *w = &core->workers[number];
    bool started = w->state != WORKER_EMPTY;
    bool has_process = w->state == WORKER_READY || w->state == WORKER_LEAVING;
    if (started)
        audit_window(core, number);
    JD_ASSERT(w->n_out == 0 || has_process);
    JD_ASSERT(w->open == worker_takes_jobs(w));
    JD_ASSERT(w->idle == (worker_takes_jobs(w) && worker_free_threads(w) > 0 && w->n_free > 0));
    JD_ASSERT(!started || w->stop_slot == SLOT_NONE || w->slot[w->stop_slot].job != 0 ||
              w->state == WORKER_REAPING);
    JD_ASSERT(!w->process || job_at(&core->jobs, w->process)->flags & JOB_PROCESS);
    JD_ASSERT(!w->ended || w->process || w->state == WORKER_REAPING);
}

// Its workers, and what is counted of them.
static void audit_workers(const struct core *core, const struct pool *pool) {
    uint32_t n = 0, ready = 0, starting = 0, empty = 0, retiring = 0, parked = 0, lent = 0, out = 0;
    uint32_t resuming = 0, idle = 0;
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next) {
        const struct worker *w = &core->workers[i - 1];
        JD_ASSERT(w->pool == pool);
        audit_worker(core, i - 1);
        n++;
        ready += w->state == WORKER_READY;
        starting += w->state == WORKER_STARTING || w->state == WORKER_INIT;
        empty += w->state == WORKER_EMPTY;
        retiring += w->retiring;
        parked += w->parked;
        idle += w->idle;
        out += w->n_out;
        lent += w->n_lent;
        for (uint16_t s = w->n_lent ? w->out_head : SLOT_NONE; s != SLOT_NONE; s = w->slot[s].next)
            resuming += w->slot[s].has_more && w->more[s].resuming;
    }
    JD_ASSERT(pool->n_all == n && pool->n_ready == ready && pool->n_starting == starting);
    JD_ASSERT(pool->n_empty == empty && pool->n_retiring == retiring && pool->n_parked == parked);
    JD_ASSERT(pool->n_out == out && pool->n_lent == lent && pool->n_resuming == resuming);
    uint32_t prev = 0;
    for (uint32_t i = pool->idle; i; i = core->workers[i - 1].idle_next) {
        JD_ASSERT(core->workers[i - 1].idle && core->workers[i - 1].idle_prev == prev);
        prev = i;
        idle--;
    }
    JD_ASSERT(idle == 0);
}

static void audit_levels(const struct core *core, const struct pool *pool) {
    int smallest = -1;
    for (int i = LEVELS / 64 - 1; i >= 0; i--) {
        for (uint64_t left = pool->levels[i]; left; left &= left - 1)
            JD_ASSERT(pool->ring[64 * i + __builtin_ctzll(left)] != 0);
        smallest = pool->levels[i] ? 64 * i + __builtin_ctzll(pool->levels[i]) : smallest;
    }
    JD_ASSERT(pool->level == smallest);
    // (Room in a window that a task has learned of elsewhere is used at the pool's next result.)
    bool due = (pool->idle && sched_could_start(core, pool)) || pool->n_resuming > 0 ||
               pool->look_for_work;
    JD_ASSERT(!due || core->pools_due >> pool->number & 1);
}

static void audit_pool(const struct core *core, const struct pool *pool, const struct tally *t) {
    audit_workers(core, pool);
    audit_levels(core, pool);
    JD_ASSERT(pool->n_jobs == t->jobs && pool->n_queued == t->queued);
    // Work-conserving: nothing waits for a client that reads while a worker has nothing to do.
    bool held = pool->paused || pool->n_resuming > 0 || core->killing || !core->tasks.settled ||
                !pool_has_slot(pool);
    JD_ASSERT(pool->level < 0 || !pool->idle || core->more || held);
    // A task that computes has a slot: never more of them than there are slots.
    if (pool->n_threads == 1 && !pool->is_single && pool->n_lent + pool->n_parked > 0) {
        uint32_t serving = 0;
        for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next)
            serving += worker_takes_jobs(&core->workers[i - 1]) && !core->workers[i - 1].retiring;
        JD_ASSERT(serving <= pool->n_workers || core->more || core->killing || core->stopping ||
                  pool->is_unbalanced);
    }
    JD_ASSERT(!pool->max_lent || pool->n_lent <= pool->max_lent);
    JD_ASSERT(pool->n_parked == 0 || pool->n_lent > 0 || core->wake_ns <= pool->unpark_ns);
    // Something is out, so somebody will look at it again.
    JD_ASSERT(pool->n_out == 0 || core->sample_ns != UINT64_MAX);
}

static void audit_job(const struct core *core, uint32_t index, struct tally *all,
                      struct tally *pools) {
    const struct job *job = job_at(&core->jobs, index);
    const struct job_side *side = job->side ? job_side_at(&core->jobs, job->side) : NULL;
    struct tally *t = &pools[job_pool(core, job)->number];
    t->jobs++;
    t->queued += job->state == JOBD_JOB_QUEUED && job->lane;
    JD_ASSERT(ids_find((struct ids *)(uintptr_t)&core->ids, job->id) == index);
    JD_ASSERT(!(job->flags & JOB_PROCESS) == (job->lane != 0));
    JD_ASSERT(!(job->flags & JOB_DETACHED) || job->client == core->nobody);
    JD_ASSERT(job->state != JOBD_JOB_DELAYED || (side && side->timer));
    if (job->flags & JOB_PROCESS) {
        JD_ASSERT(core->workers[job->worker].process == index);
        all->processes++;
    }
    if (!side)
        return;
    for (uint32_t f = side->followers; f; f = follower_at(core, f)->next)
        all->followers++;
    all->timed += side->timed;
    all->timers += side->timer > 0;
    JD_ASSERT(!side->timer || (side->timed && core->timers.heap[side->timer - 1] == index));
    JD_ASSERT(!side->deadline_ns || side->timer);
}

static void audit_timers(const struct core *core, const struct tally *t) {
    const struct timers *timers = &core->timers;
    const struct job *first = timers->n > 0 ? job_at(&core->jobs, timers->heap[0]) : NULL;
    // No job waits longer than the next tick that was asked for.
    JD_ASSERT(!first || core->more ||
              core->wake_ns <= job_side_at(&core->jobs, first->side)->due_ns);
    JD_ASSERT(timers->n == t->timers && timers->n_reserved == t->timed && t->timed <= timers->cap);
    for (uint32_t i = 1; i < timers->n; i++) {
        const struct job *up = job_at(&core->jobs, timers->heap[(i - 1) / 2]);
        const struct job *down = job_at(&core->jobs, timers->heap[i]);
        JD_ASSERT(job_side_at(&core->jobs, up->side)->due_ns <=
                  job_side_at(&core->jobs, down->side)->due_ns);
    }
}

static void audit_numbers(const struct core *core) {
    uint32_t n = 0;
    for (uint32_t i = core->free_numbers; i; i = core->workers[i - 1].pool_next) {
        JD_ASSERT(!core->workers[i - 1].pool && core->workers[i - 1].state == WORKER_EMPTY);
        n++;
    }
    for (uint32_t i = 0; i < core->n_pools; i++)
        n += core->pools[i] ? core->pools[i]->n_all : 0;
    JD_ASSERT(n == core->n_numbers && n <= core->cfg.max_workers);
}

void core_audit(const struct core *core) {
    struct tally all = {0}, pools[JD_POOLS_MAX] = {{0}};
    uint32_t jobs = 0;
    audit_clients(core);
    audit_kept(core);
    for (uint32_t i = 0; (i = jobs_next(&core->jobs, i + 1)) != 0; jobs++)
        audit_job(core, i, &all, pools);
    for (uint32_t i = 0; i < core->n_pools; i++)
        if (core->pools[i])
            audit_pool(core, core->pools[i], &pools[i]);
    audit_timers(core, &all);
    audit_numbers(core);
    JD_ASSERT(jobs == core->jobs.slab.used && all.followers == core->followers.used);
    JD_ASSERT(core->next_id <= core->id_limit);
    JD_ASSERT(core->wake_ns <= core->sample_ns);
    const struct counts *k = &core->counts;
    uint64_t ended = k->done + k->failed + k->cancelled + k->killed + k->timed_out + k->lost;
    JD_ASSERT(k->submitted == ended + core->jobs.slab.used);
}
