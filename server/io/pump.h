// Carries out what the core decides. Events go in one at a time; the answers that carrying out
// gives rise to (a slot taken back, a process started) wait in a queue and go in as soon as the
// list of effects is empty, so that the core is never entered from within itself.
#ifndef IO_PUMP_H
#define IO_PUMP_H

#include "core/core.h"

struct loop;

struct answers { // a ring, begun anew whenever it runs empty
    struct event *list;
    uint32_t first, n, max;
};

struct pump {
    struct loop *loop;
    struct core *core;
    struct answers revoked; // before everything else: the core's picture of a slot must not be
                            // older than a message about it
    struct answers others;
    bool busy;
};

// 0 | JOBD_E_NOMEM.
int pump_init(struct pump *p, struct loop *loop, struct core *core, const struct core_config *cfg);
void pump_free(struct pump *p);
// So many slots may be under way of being taken back at once. 0 | JOBD_E_NOMEM.
int pump_expect(struct pump *p, uint32_t n_revoked);

// An event from the outside and everything that follows from it. Not from within an effect.
void pump_feed(struct pump *p, const struct event *event);
// An event that may come up while an effect is carried out; it goes in after those of the list. It
// must hold no views.
void pump_post(struct pump *p, const struct event *event);

#endif
