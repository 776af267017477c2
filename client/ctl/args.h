// A command line, sorted: options for argp on one side, operands on the other. argp alone would
// take
// "-2*pi" for the options -2, -*, -p, -i; here a token that begins with '-' and has a meaning as an
// operand is one, unless it is the value of an option. Pure: looks at the text only.
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include <argp.h>
#include <stdbool.h>

enum { ARGS_TABLES_MAX = 2 };

// Which options there are. A token that begins with '-' is an operand if it is "-", or stands after
// "--", or is_operand says so; or, where is_operand is set, if it cannot be a short option.
struct args_syntax {
    const struct argp_option *tables[ARGS_TABLES_MAX]; // each ends in a zero entry; NULL = none
    bool (*is_operand)(const char *token);             // NULL = no such tokens
    bool stops_at_operand;                             // the first operand begins another syntax
};

// The tokens are borrowed from argv, the arrays are owned: args_free(). Both end in NULL.
struct args {
    int n_options; // options[0] is argv[0]
    int n_operands;
    char **options;
    char **operands;
};

struct args_error {
    char text[160];
    char hint[160]; // "" = none
};

// 0 | JOBD_E_INVAL (*reterr says why: an unknown option, a value too many or too few) |
// JOBD_E_NOMEM.
int args_sort(const struct args_syntax *syntax, int argc, char **argv, struct args *ret,
              struct args_error *reterr);
void args_free(struct args *args);

#endif
