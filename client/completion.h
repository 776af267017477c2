// Who waits for futures: walks by completion. A future that is done tells each walk that watches
// it, so a walk over a million futures costs the same for each.
#ifndef JD_COMPLETION_H
#define JD_COMPLETION_H

#include "future.h"

// One future of one walk: linked from the future until it is done, then queued in the walk.
struct jd_watch {
    struct jd_watch *next;
    struct jd_watch **at; // the link that points here, while the future is not done
    jobd_future *future;  // holds a reference
    jobd_completion *walk;
};

// May these be waited for together? 0 | JOBD_E_INVAL (futures of two connections) | JOBD_E_FORKED.
JD_MUST_USE int jd_futures_check(jobd_future *const *fs, size_t n);

// The future is done: hands its watches over to their walks.
void jd_watches_fire(jobd_future *f);
// Does this walk still wait for the future?
bool jd_watches_by(const jobd_future *f, const jobd_completion *walk);

#endif
