#include "rig.h"

#include <stdio.h>

#include "mem.h"

static int start_one(const struct bench *b, unsigned n_workers, struct rig *r) {
    r->n_workers = n_workers;
    if (relay_start(RELAY_EPOLL, n_workers, &r->epoll) < 0)
        return -1;
    if (relay_start(RELAY_UV, n_workers, &r->uv) < 0)
        return -1;
    if (!b->daemon)
        return 0;
    if (service_start(b, n_workers, NULL, &r->service) < 0)
        return -1;
    if (b->hold_s)
        service_print_pids(&r->service);
    return 0;
}

int rigs_start(const struct bench *b, struct rigs *ret) {
    *ret = (struct rigs){.list = jd_zalloc(WORKERS_MAX * sizeof(struct rig))};
    if (!ret->list)
        return bench_fail("out of memory");
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        ret->list[i].epoll.client.fd = ret->list[i].uv.client.fd = -1;
    for (unsigned n_workers = 1; n_workers <= WORKERS_MAX; n_workers++) {
        if (b->n_workers && b->n_workers != n_workers)
            continue;
        if (start_one(b, n_workers, &ret->list[ret->n++]) < 0) {
            rigs_stop(ret);
            return -1;
        }
    }
    return 0;
}

void rigs_stop(struct rigs *r) {
    for (unsigned i = 0; i < r->n; i++) {
        service_stop(&r->list[i].service);
        relay_stop(&r->list[i].uv);
        relay_stop(&r->list[i].epoll);
    }
    jd_free(r->list);
    *r = (struct rigs){0};
}

void rig_report(const struct bench *b, const struct rig *r, const struct duel *d) {
    char name[64];
    snprintf(name, sizeof name, "%s.%uw", d->name, r->n_workers);
    report_add(b->report, &(struct report_row){
                              .name = name,
                              .unit = d->unit,
                              .value = b->daemon ? &d->jobd->metric[d->metric] : NULL,
                              .floor = &d->floor->metric[d->metric],
                              .floor_name = d->floor->name,
                              .target = d->target,
                          });
}
