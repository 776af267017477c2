// Who waits for futures: walks by completion. A future that is done tells each walk that watches
// it, so a walk over a million futures costs the same for each.
#ifndef JD_COMPLETION_H
#define JD_COMPLETION_H

#include "future.h"

// The futures that somebody walks over as they are done: the program, by a jobd_completion, or a map.
struct jd_walk {
    size_t n_open;          // futures that are not done
    struct jd_watch *ready; // done, in that order, and not walked over yet
    struct jd_watch **ready_end;
};

// One future of one walk: linked from the future until it is done, then queued in the walk.
struct jd_watch {
    struct jd_watch *next;
    struct jd_watch **at; // the link that points here, while the future is not done
    jobd_future *future;  // holds a reference
    struct jd_walk *walk;
};

// May these be waited for together? 0 | JOBD_E_INVAL (futures of two connections) | JOBD_E_FORKED.
JD_MUST_USE int jd_futures_check(jobd_future *const *fs, size_t n);

void jd_walk_init(struct jd_walk *walk);
// Lets w->walk know when w->future, which is open, is done.
void jd_walk_watch(struct jd_watch *w);
// Ends that, if the future is still open.
void jd_walk_unwatch(struct jd_watch *w);
// Takes out the one that was done first; there must be one.
struct jd_watch *jd_walk_pop(struct jd_walk *walk);

// The future is done: hands its watches over to their walks.
void jd_watches_fire(jobd_future *f);
// Does this walk still wait for the future?
bool jd_watches_by(const jobd_future *f, const struct jd_walk *walk);

#endif
