#include "adapt.h"

#include <float.h>
#include <math.h>

#include "guard.h"
#include "kernels/split.h"
#include "mem.h"

int adapt_begin(struct adapt *s, double a, double b, size_t n_max) {
    *s = (struct adapt){.n_max = n_max, .cap = 2 * ADAPT_FIRST};
    s->at = jd_alloc(s->cap * sizeof(*s->at));
    if (!s->at)
        return JOBD_E_NOMEM;
    for (; s->n < ADAPT_FIRST; s->n++) {
        struct jd_part part = jd_split_part(a, b, ADAPT_FIRST, ADAPT_FIRST, s->n);
        s->at[s->n] =
            (struct adapt_interval){.a = part.a, .b = part.b, .panel = {.error = INFINITY}};
    }
    return 0;
}

void adapt_free(struct adapt *s) {
    jd_free(s->at);
    *s = (struct adapt){.n = 0};
}

// As in QUADPACK: the points of its halves would hardly be told apart.
static bool is_narrow(const struct adapt_interval *i) {
    double middle = i->a + 0.5 * (i->b - i->a);
    return JD_MAX(fabs(i->a), fabs(i->b)) <=
           (1 + 100 * DBL_EPSILON) * (fabs(middle) + 1000 * DBL_MIN);
}

// What stands in the way, if anything does.
static enum adapt_verdict judge(const struct adapt *s, const struct adapt_state *now) {
    if (isfinite(now->error) && now->error <= now->goal)
        return ADAPT_DONE;
    if (now->worst == s->n)
        return s->n_out > 0 ? ADAPT_GO : ADAPT_ROUNDING; // what is out will tell
    const struct adapt_interval *worst = &s->at[now->worst];
    if (!worst->looked_at)
        return ADAPT_GO;
    if (worst->n_stalled >= ADAPT_STALLED_MAX)
        return ADAPT_DIVERGES;
    if (is_narrow(worst))
        return ADAPT_NARROW;
    return s->n + s->n_out >= s->n_max ? ADAPT_LIMIT : ADAPT_GO;
}

struct adapt_state adapt_look(const struct adapt *s) {
    struct adapt_state now = {.worst = s->n};
    double lost = 0; // by rounding, of the value: the intervals come in no order of theirs
    for (size_t i = 0; i < s->n; i++) {
        const struct adapt_interval *at = &s->at[i];
        double sum = now.value + at->panel.value, part = sum - now.value;
        lost += (now.value - (sum - part)) + (at->panel.value - part);
        now.value = sum;
        now.error += at->panel.error;
        now.rounding += at->panel.rounding;
        bool worth_it = !at->out && at->panel.error > at->panel.rounding;
        if (worth_it && (now.worst == s->n || at->panel.error > s->at[now.worst].panel.error))
            now.worst = i;
    }
    now.value += lost;
    double share = s->relative * fabs(now.value);
    now.goal = share > s->tolerance ? share : s->tolerance; // a value that is nan has no share
    now.verdict = judge(s, &now);
    return now;
}

int adapt_take(struct adapt *s, size_t i) {
    JD_ASSERT(i < s->n && !s->at[i].out);
    size_t need = s->n + s->n_out + 1; // a place for the second half of each that is out
    if (need > s->cap) {
        struct adapt_interval *moved = jd_realloc(s->at, 2 * s->cap * sizeof(*moved));
        if (!moved)
            return JOBD_E_NOMEM;
        s->at = moved;
        s->cap *= 2;
    }
    s->at[i].out = true;
    s->n_out++;
    return 0;
}

static struct adapt_interval half_of(const struct adapt_interval *whole, struct jd_part part,
                                     const struct jd_panel *panel) {
    bool stalled = panel->error >= 0.99 * whole->panel.error;
    return (struct adapt_interval){
        .a = part.a,
        .b = part.b,
        .looked_at = true,
        .panel = *panel,
        .n_stalled = stalled ? whole->n_stalled + 1 : 0,
    };
}

void adapt_give(struct adapt *s, size_t i, const struct jd_panel halves[2]) {
    JD_ASSERT(i < s->n && s->at[i].out && s->n < s->cap);
    const struct adapt_interval whole = s->at[i];
    s->at[i] = half_of(&whole, jd_split_part(whole.a, whole.b, 2, 2, 0), &halves[0]);
    s->at[s->n++] = half_of(&whole, jd_split_part(whole.a, whole.b, 2, 2, 1), &halves[1]);
    s->n_out--;
}
