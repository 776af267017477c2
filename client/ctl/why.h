// Everything the daemon knows of one job, on one screen.
#ifndef CTL_WHY_H
#define CTL_WHY_H

#include <jansson.h>
#include <stdio.h>

// map: what jobd_job_why() gives; names that are not known here are shown, too.
// 0 | JOBD_E_NOMEM.
int why_print(FILE *out, const json_t *map);

#endif
