#include "timers.h"

#include "mem.h"
#include "sched.h"
#include "state.h"

void timers_free_all(struct timers *t) {
    jd_free(t->heap);
}

bool timers_reserve(struct timers *t) {
    if (t->n_reserved == t->cap) {
        uint32_t cap = t->cap ? 2 * t->cap : 64;
        uint32_t *heap = jd_realloc(t->heap, cap * sizeof *heap);
        if (!heap)
            return false;
        t->heap = heap;
        t->cap = cap;
    }
    t->n_reserved++;
    return true;
}

void timers_unreserve(struct timers *t) {
    JD_ASSERT(t->n_reserved > 0);
    t->n_reserved--;
}

static struct job_side *side_at(const struct core *core, uint32_t place) {
    const struct job *job = job_at(&core->jobs, core->timers.heap[place]);
    return job_side_at(&core->jobs, job->side);
}

static void put(struct core *core, uint32_t place, uint32_t job) {
    core->timers.heap[place] = job;
    side_at(core, place)->timer = place + 1;
}

// The job at `place` goes up or down to where it belongs.
static void sift(struct core *core, uint32_t place) {
    struct timers *t = &core->timers;
    uint32_t job = t->heap[place];
    uint64_t due_ns = side_at(core, place)->due_ns;
    while (place > 0 && side_at(core, (place - 1) / 2)->due_ns > due_ns) {
        put(core, place, t->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (uint32_t child; (child = 2 * place + 1) < t->n; place = child) {
        if (child + 1 < t->n && side_at(core, child + 1)->due_ns < side_at(core, child)->due_ns)
            child++;
        if (side_at(core, child)->due_ns >= due_ns)
            break;
        put(core, place, t->heap[child]);
    }
    put(core, place, job);
}

void timer_remove(struct core *core, uint32_t index) {
    struct timers *t = &core->timers;
    const struct job *job = job_at(&core->jobs, index);
    struct job_side *side = job->side ? job_side_at(&core->jobs, job->side) : NULL;
    if (!side || !side->timer)
        return;
    uint32_t place = side->timer - 1;
    side->timer = 0;
    uint32_t last = t->heap[--t->n];
    if (last == index)
        return;
    t->heap[place] = last;
    sift(core, place);
}

void timer_update(struct core *core, uint32_t index) {
    struct timers *t = &core->timers;
    const struct job *job = job_at(&core->jobs, index);
    struct job_side *side = job->side ? job_side_at(&core->jobs, job->side) : NULL;
    if (!side || !side->timed)
        return;
    uint64_t due_ns = side->deadline_ns ? side->deadline_ns : UINT64_MAX;
    if (job->state == JOBD_JOB_DELAYED)
        due_ns = JD_MIN(due_ns, side->start_ns);
    if (due_ns == UINT64_MAX) {
        timer_remove(core, index);
        return;
    }
    side->due_ns = due_ns;
    if (!side->timer) {
        JD_ASSERT(t->n < t->cap);
        t->heap[t->n++] = index;
        side->timer = t->n;
    }
    sift(core, side->timer - 1);
    core_wake_at(core, due_ns);
}

// Its time is over. Where it runs, the stop machine has it from now on.
static void on_deadline(struct core *core, uint32_t index) {
    struct job *job = job_at(&core->jobs, index);
    struct job_side *side = job_side_at(&core->jobs, job->side);
    struct fate fate = {.state = JOBD_JOB_TIMED_OUT, .error = JOBD_E_DEADLINE};
    side->deadline_ns = 0; // it has struck
    timer_update(core, index);
    if (job_waits(job)) {
        fate.text = jd_text("its deadline passed before it was finished; it was waiting");
        sched_remove(core, index);
        job_end(core, index, &fate);
        return;
    }
    job_stop(core, index, &(struct stop){.why = STOP_DEADLINE, .grace_ns = core->cfg.grace_ns});
}

void timers_on_time(struct core *core) {
    struct timers *t = &core->timers;
    for (unsigned left = STEP_OBJECTS_MAX / 2; t->n > 0; left--) {
        uint32_t index = t->heap[0];
        struct job *job = job_at(&core->jobs, index);
        struct job_side *side = job_side_at(&core->jobs, job->side);
        core_wake_at(core, side->due_ns);
        if (side->due_ns > core->now_ns)
            return;
        if (left == 0 || core_is_full(core)) { // one may be told to very many
            core->more = true;
            return;
        }
        if (side->deadline_ns && side->deadline_ns <= core->now_ns) {
            on_deadline(core, index);
            continue;
        }
        job_set_state(job, JOBD_JOB_QUEUED);
        timer_update(core, index);
        sched_put_back(core, index);
    }
}
