// Job ids on the command line: "12", "3-9", "1,4,7-9", and "-" for those on standard input.
#ifndef CTL_IDS_H
#define CTL_IDS_H

#include "ctl.h"

enum { IDS_MAX = 1000000 };

struct ids {
    uint64_t *at;
    size_t n;
    size_t n_room;
};

// Append those that a text names. 0 | JOBD_E_INVAL (not ids) | JOBD_E_LIMIT (more than IDS_MAX) |
// JOBD_E_NOMEM.
int ids_add(struct ids *ids, const char *text);
// All that the tokens name, which end in NULL; at least one. 0 | an exit code after printing why.
// ids_free() either way.
int ids_read(const struct ctl *ctl, char *const *tokens, struct ids *ret);
void ids_free(struct ids *ids);

#endif
