#include "work.h"

#include <string.h>

#include "mem.h"

static void append(struct work_queue *q, struct work *w) {
    w->next = NULL;
    if (q->last)
        q->last->next = w;
    else
        q->first = w;
    q->last = w;
    q->n++;
}

static void drop_taken_back(struct work_queue *q, const struct jd_board *board) {
    struct work_queue all = *q;
    *q = (struct work_queue){0};
    for (struct work *w; (w = work_pop(&all));)
        if (jd_board_word(board, (unsigned)w->run.slot) == jd_slot_word(w->run.seq, JD_SLOT_QUEUED))
            append(q, w);
        else
            jd_free(w);
}

int work_push(struct work_queue *q, const struct jd_run *run, const struct jd_board *board) {
    if (q->n >= JD_BOARD_SLOTS)
        drop_taken_back(q, board);
    if (q->n >= JD_BOARD_SLOTS)
        return JOBD_E_PROTO;
    struct work *w = jd_alloc(sizeof *w + run->args.len);
    if (!w)
        return JOBD_E_NOMEM;
    w->run = *run;
    w->run.args.data = w->args;
    if (run->args.len)
        memcpy(w->args, run->args.data, run->args.len);
    append(q, w);
    return 0;
}

struct work *work_pop(struct work_queue *q) {
    struct work *w = q->first;
    if (!w)
        return NULL;
    q->first = w->next;
    if (!q->first)
        q->last = NULL;
    q->n--;
    return w;
}

void work_free(struct work_queue *q) {
    for (struct work *w; (w = work_pop(q));)
        jd_free(w);
}
