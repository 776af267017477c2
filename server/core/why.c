// Why a job waits, or how it ended, and where its time went.
#include <string.h>

#include "rows.h"
#include "sched.h"
#include "stats.h"

// Why nothing of its pool is started, or NULL.
static const char *pool_trouble(struct core *core, const struct pool *pool) {
    if (pool->paused)
        return (const char *)core_text(core, "the pool '%s' is paused", pool->name).data;
    if (pool->n_ready > 0)
        return NULL;
    if (!pool->failure[0])
        return (const char *)core_text(core, "no worker of the pool '%s' is ready yet", pool->name)
            .data;
    uint64_t wait_ns = pool->retry_ns > core->now_ns ? pool->retry_ns - core->now_ns : 0;
    return (const char *)core_text(core,
                                   "no worker of the pool '%s' could be started, %u times in a "
                                   "row: %s; the next try is in %.1f s",
                                   pool->name, pool->failed_starts, pool->failure,
                                   (double)wait_ns * 1e-9)
        .data;
}

static const char *why_queued(struct core *core, const struct job *job) {
    const struct pool *pool = job_pool(core, job);
    if (!job->lane)
        return "its process is being started";
    const struct lane *lane = lane_at(&core->clients, job->lane);
    const char *trouble = pool_trouble(core, pool);
    if (trouble)
        return trouble;
    if (client_at(&core->clients, lane->client)->paused)
        return "its submitter does not read what it is sent";
    if (!sched_lane_may_run(core, lane))
        return (const char *)core_text(core,
                                       "its executor has %u jobs sent or running, as many as its "
                                       "max_workers allows",
                                       share_at(&core->clients, lane->share)->out)
            .data;
    return (const char *)core_text(core,
                                   "all workers of the pool '%s' are busy; %u jobs wait, %u of "
                                   "them in its own line",
                                   pool->name, pool->n_queued, lane->n)
        .data;
}

static const char *why_waits(struct core *core, const struct job *job) {
    const struct worker *w = &core->workers[job->worker];
    switch ((jobd_job_state)job->state) {
    case JOBD_JOB_QUEUED:
        return why_queued(core, job);
    case JOBD_JOB_DELAYED: {
        const struct job_side *side = job_side_at(&core->jobs, job->side);
        double s = side->start_ns > core->now_ns ? (double)(side->start_ns - core->now_ns) : 0;
        return (const char *)core_text(core, "%s in %.1f s",
                                       side->retries ? "it failed, and runs again"
                                                     : "it was submitted to start",
                                       s * 1e-9)
            .data;
    }
    default:
        if (w->ended)
            return "its task is over; its process is about to end";
        if (w->slot[job->slot].has_more && w->more[job->slot].lent)
            return "its task waits for jobs of its own";
        if (job->state == JOBD_JOB_SENT)
            return (const char *)core_text(core, "it is the next, or one of the next, of worker %u",
                                           w->pid)
                .data;
        if (w->slot[job->slot].has_more && w->more[job->slot].stop.why)
            return "it is being stopped";
        return (const char *)core_text(core, "it runs in worker %u", w->pid).data;
    }
}

static void put_words(struct map *m, const struct kept *k) {
    put_i64(m, "error", k ? k->error : 0);
    put_str(m, "error_name", k ? k->name : NULL);
    put_str(m, "error_text", k ? k->text : NULL);
    if (k && k->status >= 0 && k->state != JOBD_JOB_CANCELLED)
        put_i64(m, "exit_status", k->status);
    else
        put_str(m, "exit_status", NULL);
    if (k && k->status < 0)
        put_i64(m, "signal", -k->status);
    else
        put_str(m, "signal", NULL);
    if (k && k->max_rss_bytes) {
        put_f64(m, "cpu_s", (double)k->cpu_ns * 1e-9);
        put_u64(m, "max_rss_bytes", k->max_rss_bytes);
    } else {
        put_str(m, "cpu_s", NULL);
        put_str(m, "max_rss_bytes", NULL);
    }
}

enum { WHY_PAIRS = 26 };

static int put_kept(struct core *core, const struct kept *k) {
    uint32_t end_ms = core_ms_of(core, k->end_ns), sent_ms = k->sent_ms ? k->sent_ms : end_ms;
    double out_s = (double)(end_ms - sent_ms) * 1e-3, run_s = (double)k->run_ns * 1e-9;
    struct map m = map_begin(&core->reply, WHY_PAIRS);
    put_u64(&m, "job", k->id);
    put_str(&m, "state", jobd_job_state_name(k->state));
    put_str(&m, "task", core->tasks.list[k->task].name);
    put_str(&m, "pool", k->pool == KEPT_NO_POOL ? NULL : core->pools[k->pool]->name);
    put_str(&m, "label", k->label);
    put_str(&m, "owner", NULL);
    put_i64(&m, "priority", k->priority);
    put_u64(&m, "attempt", k->attempts);
    put_u64(&m, "lost", k->lost);
    put_str(&m, "reason", k->text ? k->text : "it is done");
    put_f64(&m, "submitted_s", (double)(core_ms(core) - k->submit_ms) * 1e-3);
    put_f64(&m, "ended_s", (double)(core->now_ns - k->end_ns) * 1e-9);
    put_f64(&m, "queued_s", (double)(sent_ms - k->submit_ms) * 1e-3);
    put_f64(&m, "sent_s", out_s > run_s ? out_s - run_s : 0);
    put_f64(&m, "run_s", run_s);
    put_str(&m, "worker", NULL);
    put_u64(&m, "pid", k->pid);
    put_f64(&m, "progress", k->state == JOBD_JOB_DONE);
    put_u64(&m, "result_bytes", k->value_bytes);
    put_words(&m, k);
    return map_end(&m);
}

static int put_job(struct core *core, const struct job *job) {
    bool out = job->state == JOBD_JOB_SENT || job->state == JOBD_JOB_RUNNING;
    const struct worker *w = out ? &core->workers[job->worker] : NULL;
    const struct slot *slot = w && !w->ended ? &w->slot[job->slot] : NULL;
    bool runs = slot && slot->state == SLOT_RUNNING;
    uint32_t sent_ms = slot ? core_ms_of(core, slot->sent_ns) : core_ms(core);
    uint64_t run_from_ns = runs ? slot->since_ns : core->now_ns;
    const char *reason = why_waits(core, job);
    struct map m = map_begin(&core->reply, WHY_PAIRS);
    put_u64(&m, "job", job->id);
    put_str(&m, "state", jobd_job_state_name(job->state));
    put_str(&m, "task", core->tasks.list[job->task].name);
    put_str(&m, "pool", job_pool(core, job)->name);
    put_str(&m, "label", job_label(&core->jobs, job));
    put_str(&m, "owner", client_at(&core->clients, job->client)->name);
    put_i64(&m, "priority", job->lane ? lane_priority(lane_at(&core->clients, job->lane)) : 0);
    put_u64(&m, "attempt", job->attempts + (runs ? 1u : 0u));
    put_u64(&m, "lost", job->lost);
    put_str(&m, "reason", reason);
    put_f64(&m, "submitted_s", (double)(core_ms(core) - job->submit_ms) * 1e-3);
    put_str(&m, "ended_s", NULL);
    put_f64(&m, "queued_s", (double)(sent_ms - job->submit_ms) * 1e-3);
    put_f64(&m, "sent_s", slot ? (double)(run_from_ns - slot->sent_ns) * 1e-9 : 0);
    put_f64(&m, "run_s", (double)(core->now_ns - run_from_ns) * 1e-9);
    if (w)
        put_u64(&m, "worker", job->worker);
    else
        put_str(&m, "worker", NULL);
    put_u64(&m, "pid", w ? w->pid : 0);
    put_f64(&m, "progress", runs ? slot->progress : 0);
    put_str(&m, "result_bytes", NULL);
    put_words(&m, NULL);
    return map_end(&m);
}

void why_on_why(struct core *core, struct client *client, const struct jd_msg *msg) {
    uint64_t id = msg->u.why.job;
    uint32_t index = ids_find(&core->ids, id);
    const struct kept *k = index ? NULL : kept_find(core, id);
    if (!index && !k) {
        client_emit_error(
            core, client, msg, JOBD_E_NOENT,
            core_text(core, "there is no job %llu, or it is forgotten", (unsigned long long)id));
        return;
    }
    core->reply.pos = core->reply.len = 0;
    int err = index ? put_job(core, job_at(&core->jobs, index)) : put_kept(core, k);
    rows_answer(core, client, msg, err, 0);
}
