// Processes whose worker died before them. The master is their reaper: they become its children,
// and every child of the master that is not a worker is one of them. They are killed and reaped in
// rounds, until a round finds none: only then is the dead worker's place free again.
#ifndef IO_ORPHANS_H
#define IO_ORPHANS_H

#include <sys/types.h>
#include <uv.h>

#include <jobd/types.h>

struct loop;

struct pid_list {
    pid_t *at;
    uint32_t n, cap;
};

// Becomes the reaper of all descendants, and notes the children that were there before: a shell
// that turned itself into the daemon may have left some, which are nobody's orphans. 0 | JOBD_E_SYS
// | JOBD_E_NOMEM; the list is freed with pid_list_free() in any case.
int orphans_prepare(struct pid_list *ret_spared);
void pid_list_free(struct pid_list *list);
// Kills every child of this process that is not spared and that own() does not claim, and reaps
// those that have ended. Returns how many it has found.
unsigned orphans_round(const struct pid_list *spared, bool (*own)(void *arg, pid_t pid), void *arg);

struct orphans {
    struct loop *loop;
    const struct pid_list *spared;
    uv_timer_t timer;
    uint32_t *waiting; // workers whose death is not over
    uint32_t n_waiting;
    uint64_t delay_ms; // before the next round
};

// 0 | JOBD_E_NOMEM.
int orphans_init(struct orphans *o, struct loop *loop, const struct pid_list *spared, uint32_t n);
void orphans_free(struct orphans *o);
// Answered by EVENT_TREE_GONE.
void orphans_after(struct orphans *o, uint32_t worker);

#endif
