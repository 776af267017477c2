// The list of jobs: those that have ended and are kept, then those that have not, a page at a time.
#include <string.h>

#include "rows.h"
#include "stats.h"

enum { SEEN_PER_PAGE = STEP_OBJECTS_MAX, ROW_TEXT_MAX = 160 };
#define LIVE_CURSOR (UINT64_C(1) << 32) // from here on, the cursor is the index of a record

static bool same(jobd_bytes wanted, const char *name) {
    return wanted.len == 0 ||
           (name && strlen(name) == wanted.len && memcmp(name, wanted.data, wanted.len) == 0);
}

static const char *pool_name(const struct core *core, const struct kept *k) {
    return k->pool == KEPT_NO_POOL ? NULL : core->pools[k->pool]->name;
}

static bool state_wanted(const struct jd_jobs *q, unsigned state) {
    return q->states == 0 || q->states & UINT64_C(1) << state;
}

static double seconds_since(const struct core *core, uint32_t ms) {
    return (double)(core_ms(core) - ms) * 1e-3;
}

static bool kept_wanted(const struct core *core, const struct jd_jobs *q, const struct kept *k) {
    return state_wanted(q, k->state) && same(q->pool, pool_name(core, k)) &&
           same(q->task, core->tasks.list[k->task].name) && same(q->label, k->label);
}

static int put_kept(struct core *core, const struct kept *k) {
    uint32_t end_ms = core_ms_of(core, k->end_ns), began_ms = k->sent_ms ? k->sent_ms : end_ms;
    jobd_bytes text = jd_text(k->text ? k->text : "");
    text.len = JD_MIN(text.len, (size_t)ROW_TEXT_MAX);
    struct map m = map_begin(&core->reply, 15);
    put_u64(&m, "job", k->id);
    put_str(&m, "state", jobd_job_state_name(k->state));
    put_str(&m, "task", core->tasks.list[k->task].name);
    put_str(&m, "pool", pool_name(core, k));
    put_str(&m, "label", k->label);
    put_u64(&m, "pid", k->pid);
    put_u64(&m, "attempt", k->attempts);
    put_f64(&m, "progress", k->state == JOBD_JOB_DONE);
    put_f64(&m, "submitted_s", seconds_since(core, k->submit_ms));
    put_f64(&m, "waited_s", (double)(began_ms - k->submit_ms) * 1e-3);
    put_f64(&m, "run_s", (double)k->run_ns * 1e-9);
    put_str(&m, "owner", NULL);
    put_i64(&m, "priority", k->priority);
    put_i64(&m, "error", k->error);
    put_bytes(&m, "text", text);
    return map_end(&m);
}

static bool job_wanted(const struct core *core, const struct jd_jobs *q, const struct job *job) {
    return state_wanted(q, job->state) && same(q->pool, job_pool(core, job)->name) &&
           same(q->task, core->tasks.list[job->task].name) &&
           same(q->label, job_label(&core->jobs, job));
}

static int put_job(struct core *core, const struct job *job) {
    bool out = job->state == JOBD_JOB_SENT || job->state == JOBD_JOB_RUNNING;
    const struct worker *w = out ? &core->workers[job->worker] : NULL;
    const struct slot *slot = w && !w->ended ? &w->slot[job->slot] : NULL;
    bool runs = slot && slot->state == SLOT_RUNNING;
    uint32_t until_ms = slot ? core_ms_of(core, slot->sent_ns) : core_ms(core);
    struct map m = map_begin(&core->reply, 15);
    put_u64(&m, "job", job->id);
    put_str(&m, "state", jobd_job_state_name(job->state));
    put_str(&m, "task", core->tasks.list[job->task].name);
    put_str(&m, "pool", job_pool(core, job)->name);
    put_str(&m, "label", job_label(&core->jobs, job));
    put_u64(&m, "pid", w ? w->pid : 0);
    put_u64(&m, "attempt", job->attempts + (runs ? 1u : 0u));
    put_f64(&m, "progress", runs ? slot->progress : 0);
    put_f64(&m, "submitted_s", seconds_since(core, job->submit_ms));
    put_f64(&m, "waited_s", (double)(until_ms - job->submit_ms) * 1e-3);
    put_f64(&m, "run_s", runs ? (double)(core->now_ns - slot->since_ns) * 1e-9 : 0);
    put_str(&m, "owner", client_at(&core->clients, job->client)->name);
    put_i64(&m, "priority", job->lane ? lane_priority(lane_at(&core->clients, job->lane)) : 0);
    put_i64(&m, "error", 0);
    put_str(&m, "text", NULL);
    return map_end(&m);
}

// The next wanted one at or after *cursor, which goes behind it. False = there are no more, or too
// many were looked at.
static bool next(struct core *core, const struct jd_jobs *q, uint64_t *cursor, unsigned *left,
                 int *ret_err) {
    for (; *left > 0 && *cursor < LIVE_CURSOR; --*left) {
        const struct kept *k = kept_at(core, (uint32_t)*cursor);
        *cursor = k ? *cursor + 1 : LIVE_CURSOR;
        if (k && kept_wanted(core, q, k)) {
            *ret_err = put_kept(core, k);
            return true;
        }
    }
    for (; *left > 0; --*left) {
        uint32_t i = jobs_next(&core->jobs, (uint32_t)(*cursor - LIVE_CURSOR) + 1);
        if (!i) {
            *cursor = 0;
            return false;
        }
        *cursor = LIVE_CURSOR + i;
        if (job_wanted(core, q, job_at(&core->jobs, i))) {
            *ret_err = put_job(core, job_at(&core->jobs, i));
            return true;
        }
    }
    return false;
}

void listing_on_jobs(struct core *core, struct client *client, const struct jd_msg *msg) {
    const struct jd_jobs *q = &msg->u.jobs;
    uint64_t cursor = JD_MIN(q->cursor, LIVE_CURSOR + UINT32_MAX - 1);
    unsigned left = SEEN_PER_PAGE;
    uint32_t rows = 0;
    int err = 0, r;
    core->reply.pos = core->reply.len = 0;
    uint8_t head[3] = {0xdc, 0, 0}; // an array whose length is known at the end
    err = jd_buf_append(&core->reply, head, sizeof head);
    while (!err && rows < JD_LISTING_MAX && next(core, q, &cursor, &left, &r)) {
        err |= r;
        rows++;
    }
    if (!err)
        core->reply.data[core->reply.pos + 2] = (uint8_t)rows;
    rows_answer(core, client, msg, err, cursor);
}
