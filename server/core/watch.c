#include "watch.h"

#include <stdio.h>

#include "mem.h"
#include "state.h"

void watch_on_watch(struct core *core, struct client *client, const struct jd_msg *msg) {
    struct happenings *h = &core->happenings;
    bool on = msg->u.watching.on;
    if (on && !h->ring && !(h->ring = jd_alloc(HAPPENINGS * sizeof *h->ring))) {
        client_emit_error(core, client, msg, JOBD_E_NOMEM, (jobd_bytes){0});
        return;
    }
    watch_end(core, client);
    if (on) {
        client->watching = true;
        client->watched = h->n;
        core->n_watchers++;
    }
    client_emit_reply(core, client, msg);
}

void watch_end(struct core *core, struct client *client) {
    core->n_watchers -= client->watching;
    client->watching = false;
}

static struct happening *add(struct core *core, const char *what, jobd_bytes text) {
    struct happenings *h = &core->happenings;
    struct happening *new = &h->ring[h->n++ % HAPPENINGS];
    *new = (struct happening){.now_ns = core->now_ns, .what = what};
    snprintf(new->text, sizeof new->text, "%.*s", (int)JD_MIN(text.len, (size_t)JD_TEXT_MAX),
             text.len ? (const char *)text.data : "");
    return new;
}

void watch_job(struct core *core, const struct job *job, const char *what, jobd_bytes text) {
    struct happening *h = add(core, what, text);
    bool placed = job->state == JOBD_JOB_SENT || job->state == JOBD_JOB_RUNNING;
    h->job = job->id;
    h->state = job->state;
    h->pid = placed ? core->workers[job->worker].pid : 0;
    snprintf(h->pool, sizeof h->pool, "%s", job_pool(core, job)->name);
    snprintf(h->task, sizeof h->task, "%s", core->tasks.list[job->task].name);
}

void watch_worker(struct core *core, uint32_t number, const char *what, jobd_bytes text) {
    const struct worker *w = &core->workers[number];
    struct happening *h = add(core, what, text);
    h->pid = w->pid;
    snprintf(h->pool, sizeof h->pool, "%s", w->pool->name);
}

void watch_pool(struct core *core, const struct pool *pool, const char *what) {
    struct happening *h = add(core, what, (jobd_bytes){0});
    snprintf(h->pool, sizeof h->pool, "%s", pool->name);
}

static void tell(struct core *core, struct client *client, unsigned most) {
    const struct happenings *all = &core->happenings;
    uint64_t oldest = all->n > HAPPENINGS ? all->n - HAPPENINGS : 0, missed = 0;
    if (client->watched < oldest) {
        missed = oldest - client->watched;
        client->watched = oldest;
    }
    for (unsigned n = 0; n < most && client->watched < all->n; n++, missed = 0) {
        const struct happening *h = &all->ring[client->watched++ % HAPPENINGS];
        struct effect *fx = client_emit_event(core, client, JD_OP_HAPPENED);
        fx->msg.u.happened = (struct jd_happened){.now_ns = h->now_ns,
                                                  .what = jd_text(h->what),
                                                  .pool = jd_text(h->pool),
                                                  .job = h->job,
                                                  .task = jd_text(h->task),
                                                  .state = h->state,
                                                  .pid = h->pid,
                                                  .text = jd_text(h->text),
                                                  .missed = missed};
    }
    if (client->watched < all->n)
        core->more = true;
}

void watch_run(struct core *core) {
    const struct clients *c = &core->clients;
    unsigned each = JD_MAX(WATCH_PER_STEP / core->n_watchers, 1u);
    for (uint32_t p = 0; p < c->n_peers && core->n_watchers > 0; p++) {
        struct client *client = c->by_peer[p] ? client_at(c, c->by_peer[p]) : NULL;
        if (client && client->watching && client->state == CLIENT_OPEN && !client->paused)
            tell(core, client, each);
    }
}
