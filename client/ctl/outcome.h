// How a job ended, for people and for scripts.
#ifndef CTL_OUTCOME_H
#define CTL_OUTCOME_H

#include "ctl.h"

// The result of a future that is done, on standard output, or its failure, on standard error.
// Returns an exit code.
int outcome_print(struct ctl *ctl, jobd_future *f);
// A value as one line. 0 | JOBD_E_PROTO | JOBD_E_NOMEM.
int outcome_print_value(jobd_bytes value);
// The same as the members "value" and, if need be, "value_text" of an object.
// 0 | JOBD_E_PROTO | JOBD_E_NOMEM.
int outcome_set_value(json_t *object, jobd_bytes value);

#endif
