#include "jobs.h"

#include <string.h>

#include "mem.h"
#include "state.h"

void jobs_init(struct jobs *jobs, uint32_t max) {
    *jobs = (struct jobs){0};
    jd_slab_init(&jobs->slab, sizeof(struct job), max);
    jd_slab_init(&jobs->sides, sizeof(struct job_side), max);
}

void jobs_free_all(struct jobs *jobs) {
    for (uint32_t i = 0; (i = jobs_next(jobs, i + 1)) != 0;) {
        struct job *job = job_at(jobs, i);
        if (job->flags & JOB_ARGS_AWAY)
            jd_free(job->args.away);
        if (job->side)
            jd_free(job_side_at(jobs, job->side)->label);
    }
    jd_slab_free_all(&jobs->slab);
    jd_slab_free_all(&jobs->sides);
}

static bool wants_side(const struct jd_submit *s) {
    return s->time_limit_ms || s->chunk || s->delay_ms || s->deadline_ms || s->max_retries ||
           s->label.len;
}

static bool wants_timer(const struct jd_submit *s) {
    return s->delay_ms || s->deadline_ms || s->max_retries;
}

// False = out of memory; the side record is whole either way.
static bool fill_side(struct core *core, struct job_side *side, const struct jd_submit *s) {
    const uint64_t ms_ns = 1000000;
    side->time_limit_ns = s->time_limit_ms * ms_ns;
    side->chunk = (uint32_t)s->chunk;
    side->deadline_ns = s->deadline_ms ? core->now_ns + s->deadline_ms * ms_ns : 0;
    side->start_ns = s->delay_ms ? core->now_ns + s->delay_ms * ms_ns : 0;
    side->max_retries = (uint8_t)s->max_retries;
    side->retry_delay_ns = s->retry_delay_ms * ms_ns;
    if (s->label.len && !(side->label = text_copy(s->label)))
        return false;
    side->timed = wants_timer(s) && timers_reserve(&core->timers);
    return side->timed || !wants_timer(s);
}

static void free_side(struct core *core, uint32_t index) {
    struct job_side *side = job_side_at(&core->jobs, index);
    if (side->timed)
        timers_unreserve(&core->timers);
    jd_free(side->label);
    jd_slab_give(&core->jobs.sides, index);
}

uint32_t job_new(struct core *core, const struct jd_submit *s) {
    struct jobs *jobs = &core->jobs;
    uint32_t index = jd_slab_take(&jobs->slab), side = 0;
    uint8_t *away = NULL;
    if (!index)
        return 0;
    if (s->args.len > JOB_ARGS_HERE && !(away = jd_alloc(s->args.len)))
        goto out_of_memory;
    if (wants_side(s) &&
        (!(side = jd_slab_take(&jobs->sides)) || !fill_side(core, job_side_at(jobs, side), s)))
        goto out_of_memory;

    struct job *job = job_at(jobs, index);
    job->state = JOBD_JOB_QUEUED;
    job->args_bytes = (uint32_t)s->args.len;
    job->side = side;
    job->max_lost = (uint32_t)s->max_lost & 3;
    job->submit_ms = core_ms(core);
    if (away) {
        job->flags = JOB_ARGS_AWAY;
        job->args.away = memcpy(away, s->args.data, s->args.len);
    } else if (s->args.len) {
        memcpy(job->args.here, s->args.data, s->args.len);
    }
    jobs->args_bytes += s->args.len;
    return index;

out_of_memory:
    if (side)
        free_side(core, side);
    jd_free(away);
    jd_slab_give(&jobs->slab, index);
    return 0;
}

void job_free(struct core *core, uint32_t index) {
    struct jobs *jobs = &core->jobs;
    struct job *job = job_at(jobs, index);
    jobs->args_bytes -= job->args_bytes;
    if (job->flags & JOB_ARGS_AWAY)
        jd_free(job->args.away);
    if (job->side)
        free_side(core, job->side);
    job->state = JOBD_JOB_NONE;
    jd_slab_give(&jobs->slab, index);
}

uint32_t jobs_next(const struct jobs *jobs, uint32_t from) {
    const struct jd_slab *s = &jobs->slab;
    uint32_t per_chunk = 1u << s->shift;
    for (uint32_t c = (from - 1) >> s->shift; c < s->n_chunks; c++) {
        uint32_t i = c == (from - 1) >> s->shift ? (from - 1) & (per_chunk - 1) : 0;
        for (; s->dir[c] && i < per_chunk - s->dir[c]->n_fresh; i++)
            if (job_at(jobs, c * per_chunk + i + 1)->state != JOBD_JOB_NONE)
                return c * per_chunk + i + 1;
    }
    return 0;
}

struct job_side *job_side_make(struct core *core, struct job *job) {
    if (!job->side)
        job->side = jd_slab_take(&core->jobs.sides);
    return job->side ? job_side_at(&core->jobs, job->side) : NULL;
}

bool job_state_is_final(unsigned state) {
    return state >= JOBD_JOB_DONE && state <= JOBD_JOB_LOST;
}

void job_set_state(struct job *job, jobd_job_state next) {
#define BIT(state) (1u << JOBD_JOB_##state)
    enum {
        ENDS = BIT(DONE) | BIT(FAILED) | BIT(CANCELLED) | BIT(KILLED) | BIT(TIMED_OUT) | BIT(LOST)
    };
    static const unsigned may_follow[] = {
        [JOBD_JOB_QUEUED] =
            BIT(SENT) | BIT(DELAYED) | BIT(FAILED) | BIT(CANCELLED) | BIT(TIMED_OUT),
        [JOBD_JOB_DELAYED] = BIT(QUEUED) | BIT(CANCELLED) | BIT(TIMED_OUT),
        [JOBD_JOB_SENT] = BIT(QUEUED) | BIT(DELAYED) | BIT(RUNNING) | ENDS,
        [JOBD_JOB_RUNNING] = BIT(QUEUED) | BIT(DELAYED) | (ENDS & ~BIT(CANCELLED)),
        [JOBD_JOB_LOST] = 0, // the last state: nothing follows an end
    };
#undef BIT
    JD_ASSERT(may_follow[job->state] & 1u << next);
    job->state = (uint8_t)next;
}

jobd_bytes job_args(const struct job *job) {
    const uint8_t *p = job->flags & JOB_ARGS_AWAY ? job->args.away : job->args.here;
    return (jobd_bytes){p, job->args_bytes};
}

uint64_t job_time_limit_ns(const struct jobs *jobs, const struct job *job) {
    return job->side ? job_side_at(jobs, job->side)->time_limit_ns : 0;
}

const char *job_label(const struct jobs *jobs, const struct job *job) {
    return job->side ? job_side_at(jobs, job->side)->label : NULL;
}

struct pool *job_pool(const struct core *core, const struct job *job) {
    return job->lane ? lane_at(&core->clients, job->lane)->pool : core->processes;
}
