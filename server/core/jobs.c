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
    struct jd_slab *s = &jobs->slab;
    uint32_t per_chunk = 1u << s->shift;
    for (uint32_t c = 0; c < s->n_chunks; c++) {
        for (uint32_t i = 0; s->dir[c] && i < per_chunk - s->dir[c]->n_fresh; i++) {
            struct job *job = job_at(jobs, c * per_chunk + i + 1);
            if (job->state != JOBD_JOB_NONE && (job->flags & JOB_ARGS_AWAY))
                jd_free(job->args.away);
        }
    }
    jd_slab_free_all(&jobs->slab);
    jd_slab_free_all(&jobs->sides);
}

uint32_t job_new(struct core *core, jobd_bytes args, uint64_t time_limit_ns) {
    struct jobs *jobs = &core->jobs;
    uint32_t index = jd_slab_take(&jobs->slab), side = 0;
    uint8_t *away = NULL;
    if (!index)
        return 0;
    if (args.len > JOB_ARGS_HERE && !(away = jd_alloc(args.len)))
        goto out_of_memory;
    if (time_limit_ns && !(side = jd_slab_take(&jobs->sides)))
        goto out_of_memory;

    struct job *job = job_at(jobs, index);
    job->state = JOBD_JOB_QUEUED;
    job->args_bytes = (uint32_t)args.len;
    job->side = side;
    if (side)
        ((struct job_side *)jd_slab_at(&jobs->sides, side))->time_limit_ns = time_limit_ns;
    if (away) {
        job->flags = JOB_ARGS_AWAY;
        job->args.away = memcpy(away, args.data, args.len);
    } else if (args.len) {
        memcpy(job->args.here, args.data, args.len);
    }
    jobs->args_bytes += args.len;
    return index;

out_of_memory:
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
        jd_slab_give(&jobs->sides, job->side);
    job->state = JOBD_JOB_NONE;
    jd_slab_give(&jobs->slab, index);
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
        [JOBD_JOB_QUEUED] = BIT(SENT) | BIT(FAILED) | BIT(CANCELLED),
        [JOBD_JOB_DELAYED] = BIT(QUEUED) | BIT(CANCELLED),
        [JOBD_JOB_SENT] = BIT(QUEUED) | BIT(RUNNING) | ENDS,
        [JOBD_JOB_RUNNING] = BIT(QUEUED) | (ENDS & ~BIT(CANCELLED)),
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
    if (!job->side)
        return 0;
    return ((struct job_side *)jd_slab_at(&jobs->sides, job->side))->time_limit_ns;
}
