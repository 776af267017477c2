// Numbers on the command line, written as constant expressions: "-pi/2", "1e6", "2^20".
#ifndef CTL_NUMBER_H
#define CTL_NUMBER_H

#include "ctl.h"
#include "expr.h"

// Is it an expression? For tokens that could be options.
bool number_is(const char *token);
// Shows what is wrong with an expression, and where. Returns JOBD_E_INVAL.
int number_misuse(const struct ctl *ctl, const char *name, const char *text,
                  const struct jd_expr_error *error);
// A finite number. 0 | JOBD_E_INVAL after showing what is wrong, and where; name = what it is for.
int number_parse(const struct ctl *ctl, const char *name, const char *text, double *ret);
// A whole number of 0 or more, up to most, which is at most 2^53.
int number_parse_count(const struct ctl *ctl, const char *name, const char *text, uint64_t most,
                       uint64_t *ret);

#endif
