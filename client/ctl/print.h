// Numbers and tables for people.
#ifndef CTL_PRINT_H
#define CTL_PRINT_H

#include <jansson.h>
#include <stdio.h>

enum { CTL_DOUBLE_MAX = 32 };

// The fewest of 15 to 17 digits that read back as the same double; "nan", "inf", "-inf".
void ctl_double_text(double x, char ret[CTL_DOUBLE_MAX]);

// Text of unknown origin on one line of a terminal: control characters become '?'.
void ctl_print_safe(FILE *out, const char *text);

// An array of maps as a table: the columns named in first (NULL-terminated), as far as there are
// such, then any others in the order they come; columns of numbers to the right.
// 0 | JOBD_E_NOMEM (nothing was printed).
int ctl_print_table(FILE *out, const json_t *rows, const char *const *first);
// One map, a name and a value on a line, in the same order. 0 | JOBD_E_NOMEM.
int ctl_print_map(FILE *out, const json_t *map, const char *const *first);

#endif
