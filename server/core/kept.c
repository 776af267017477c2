#include "kept.h"

#include <string.h>

#include "keys.h"
#include "mem.h"
#include "state.h"

enum { RING_FIRST = 64 };

// Number i of the ring, from the oldest.
static struct kept *ring_at(const struct kept_ring *ring, uint32_t i) {
    uint32_t at = ring->first + i;
    return &ring->list[at < ring->cap ? at : at - ring->cap];
}

static void free_one(struct kept *k) {
    if (!k->value && !k->name && !k->text && !k->label)
        return; // as nearly always
    jd_free(k->value);
    jd_free(k->name);
    jd_free(k->text);
    jd_free(k->label);
}

static void free_ring(struct kept_ring *ring) {
    for (uint32_t i = 0; i < ring->n; i++)
        free_one(ring_at(ring, i));
    jd_free(ring->list);
}

void kept_free_all(struct kept_jobs *kept) {
    free_ring(&kept->owned);
    free_ring(&kept->detached);
    free_one(&kept->forgotten);
}

static void forget_oldest(struct core *core, struct kept_ring *ring) {
    struct kept *k = &ring->list[ring->first];
    core->kept.bytes -= k->value_bytes;
    if (k->key)
        keys_remove(&core->keys, k->key);
    if (k->id == core->kept.shown)
        core->kept.forgotten = *k;
    else
        free_one(k);
    ring->first = ring->first + 1 < ring->cap ? ring->first + 1 : 0;
    ring->n--;
}

static bool grow(struct kept_ring *ring, uint32_t max) {
    uint32_t cap = JD_MIN(ring->cap ? 4 * ring->cap : (uint32_t)RING_FIRST, max);
    struct kept *list = jd_alloc(cap * sizeof *list);
    if (!list)
        return false;
    for (uint32_t i = 0; i < ring->n; i++)
        list[i] = *ring_at(ring, i);
    jd_free(ring->list);
    ring->list = list;
    ring->first = 0;
    ring->cap = cap;
    return true;
}

// The place for one more, or NULL.
static struct kept *take(struct core *core, struct kept_ring *ring) {
    uint32_t max = core->cfg.max_kept;
    if (max == 0 || (ring->n == ring->cap && ring->cap < max && !grow(ring, max) && !ring->cap))
        return NULL;
    if (ring->n == ring->cap)
        forget_oldest(core, ring);
    if (core->kept_wake_ns == UINT64_MAX) {
        core->kept_wake_ns = core->now_ns + core->cfg.keep_ns;
        core_wake_at(core, core->kept_wake_ns);
    }
    return ring_at(ring, ring->n++);
}

static void keep_value(struct core *core, struct kept *k, jobd_bytes value) {
    struct kept_ring *ring = &core->kept.detached;
    if (value.len == 0)
        return;
    bool fits = value.len <= core->cfg.max_kept_bytes;
    if (!fits || !(k->value = jd_alloc(value.len))) {
        k->lost_bytes = (uint32_t)value.len;
        return;
    }
    memcpy(k->value, value.data, value.len);
    k->value_bytes = (uint32_t)value.len;
    core->kept.bytes += value.len;
    while (core->kept.bytes > core->cfg.max_kept_bytes && ring->n > 1)
        forget_oldest(core, ring);
}

void kept_add(struct core *core, const struct job *job, const struct fate *fate) {
    bool detached = job->flags & JOB_DETACHED;
    struct kept *k = take(core, detached ? &core->kept.detached : &core->kept.owned);
    if (!k)
        return;
    const struct lane *lane = job->lane ? lane_at(&core->clients, job->lane) : NULL;
    *k = (struct kept){
        .id = job->id,
        .end_ns = core->now_ns,
        .run_ns = fate->run_ns,
        .submit_ms = job->submit_ms,
        .sent_ms = fate->sent_ns ? core_ms_of(core, fate->sent_ns) : 0,
        .pid = fate->pid,
        .task = job->task,
        .status = (int16_t)fate->status,
        .error = (int16_t)fate->error,
        .state = (uint8_t)fate->state,
        .attempts = job->attempts,
        .lost = (uint8_t)job->lost,
        .pool = (uint8_t)(lane ? lane->pool : core->processes)->number,
        .priority = lane ? lane_priority(lane) : 0,
    };
    if (fate->usage) {
        k->cpu_ns = fate->usage->cpu_ns;
        k->max_rss_bytes = fate->usage->max_rss_bytes;
    }
    if (fate->name.len)
        k->name = text_copy(fate->name);
    if (fate->text.len)
        k->text = text_copy(fate->text);
    if (job_label(&core->jobs, job))
        k->label = jd_strdup(job_label(&core->jobs, job));
    if (detached)
        keep_value(core, k, fate->value);
    struct job_side *side = job->side ? job_side_at(&core->jobs, job->side) : NULL;
    if (detached && side) {
        k->key = side->key;
        side->key = 0;
    }
}

static const struct kept *find_in(const struct kept_ring *ring, uint64_t id) {
    for (uint32_t i = ring->n; i-- > 0;)
        if (ring_at(ring, i)->id == id)
            return ring_at(ring, i);
    return NULL;
}

const struct kept *kept_find(const struct core *core, uint64_t id) {
    const struct kept *k = find_in(&core->kept.detached, id);
    return k ? k : find_in(&core->kept.owned, id);
}

void kept_show(struct core *core, const struct kept *k) {
    core->kept.shown = k->id;
}

void kept_on_step(struct core *core) {
    if (!core->kept.shown)
        return;
    core->kept.shown = 0;
    free_one(&core->kept.forgotten);
    core->kept.forgotten = (struct kept){0};
}

const struct kept *kept_at(const struct core *core, uint32_t i) {
    const struct kept_ring *ring = &core->kept.detached;
    if (i >= ring->n) {
        i -= ring->n;
        ring = &core->kept.owned;
    }
    return i < ring->n ? ring_at(ring, i) : NULL;
}

void kept_forget_pool(struct core *core, uint32_t number) {
    struct kept_ring *const rings[] = {&core->kept.owned, &core->kept.detached};
    for (size_t r = 0; r < JD_LEN(rings); r++) {
        for (uint32_t i = 0; i < rings[r]->n; i++) {
            struct kept *k = &rings[r]->list[(rings[r]->first + i) % rings[r]->cap];
            if (k->pool == number)
                k->pool = KEPT_NO_POOL;
        }
    }
}

static uint64_t forget_old(struct core *core, struct kept_ring *ring) {
    for (unsigned left = STEP_OBJECTS_MAX; ring->n > 0; left--) {
        uint64_t end_ns = ring->list[ring->first].end_ns + core->cfg.keep_ns;
        if (end_ns > core->now_ns)
            return end_ns;
        if (left == 0)
            return core->now_ns; // at once, in the next step
        forget_oldest(core, ring);
    }
    return UINT64_MAX;
}

void kept_on_time(struct core *core) {
    if (core->kept_wake_ns <= core->now_ns) {
        uint64_t owned_ns = forget_old(core, &core->kept.owned);
        uint64_t detached_ns = forget_old(core, &core->kept.detached);
        core->kept_wake_ns = JD_MIN(owned_ns, detached_ns);
    }
    core_wake_at(core, core->kept_wake_ns);
}
