// The command line, sorted into options and operands.
#include <criterion/criterion.h>
#include <string.h>

#include "args.h"
#include "mem.h"
#include "number.h"

static const struct argp_option global[] = {
    {"socket", 0x100, "PATH", 0, NULL, 0},
    {"json", 0x101, NULL, 0, NULL, 0},
    {"help", 'h', NULL, 0, NULL, 0},
    {0},
};
static const struct argp_option own[] = {
    {"steps", 'n', "N", 0, NULL, 0},
    {"parts", 'j', "N", 0, NULL, 0},
    {0},
};
static const struct args_syntax integrate = {.tables = {global, own}, .is_operand = number_is};
static const struct args_syntax plain = {.tables = {global, own}};
static const struct args_syntax before_command = {.tables = {global}, .stops_at_operand = true};

enum { TOKENS_MAX = 16 };

// Cut at single blanks; the tokens point into buffer.
static int split(const char *line, char *buffer, char *argv[TOKENS_MAX]) {
    int argc = 0;
    memcpy(buffer, line, strlen(line) + 1);
    for (char *at = buffer; at; argc++) {
        cr_assert_lt(argc, TOKENS_MAX - 1);
        argv[argc] = at;
        at = strchr(at, ' ');
        if (at)
            *at++ = '\0';
    }
    argv[argc] = NULL;
    return argc;
}

static void join(char *const *tokens, int n, char *ret) {
    *ret = '\0';
    for (int i = 0; i < n; i++) {
        if (i > 0)
            strncat(ret, " ", 2);
        strncat(ret, tokens[i], 64);
    }
    cr_expect_null(tokens[n], "ends in NULL");
}

static void expect_sorted(const struct args_syntax *s, const char *line, const char *options,
                          const char *operands) {
    char buffer[256], text[1024], *argv[TOKENS_MAX];
    struct args args;
    struct args_error error;
    int r = args_sort(s, split(line, buffer, argv), argv, &args, &error);
    cr_assert_eq(r, 0, "%s: %s", line, r ? error.text : "");
    join(args.options, args.n_options, text);
    cr_expect_str_eq(text, options, "%s: options \"%s\"", line, text);
    join(args.operands, args.n_operands, text);
    cr_expect_str_eq(text, operands, "%s: operands \"%s\"", line, text);
    args_free(&args);
}

static void expect_refused(const struct args_syntax *s, const char *line, const char *text,
                           const char *hint) {
    char buffer[256], *argv[TOKENS_MAX];
    struct args args;
    struct args_error error;
    cr_assert_eq(args_sort(s, split(line, buffer, argv), argv, &args, &error), JOBD_E_INVAL, "%s",
                 line);
    cr_expect_str_eq(error.text, text);
    cr_expect_str_eq(error.hint, hint);
}

Test(args, negative_expressions_are_operands) {
    expect_sorted(&integrate, "x sin -2*pi 0", "x", "sin -2*pi 0");
    expect_sorted(&integrate, "x cos -pi/2 1e-3", "x", "cos -pi/2 1e-3");
    expect_sorted(&integrate, "x cos -1 -.5e-3", "x", "cos -1 -.5e-3");
    expect_sorted(&integrate, "x cos -(1+2) --1", "x", "cos -(1+2) --1");
    expect_sorted(&integrate, "x cos -e -inf", "x", "cos -e -inf");
    expect_sorted(&integrate, "x cos -j0(1) 1", "x", "cos -j0(1) 1");
}

Test(args, options_may_stand_anywhere) {
    expect_sorted(&integrate, "x -n 10 cos 0 --json -1 -j4", "x -n 10 --json -j4", "cos 0 -1");
    expect_sorted(&integrate, "x cos --steps=10 0 1 --parts 2", "x --steps=10 --parts 2",
                  "cos 0 1");
}

Test(args, the_value_of_an_option_is_never_an_operand) {
    expect_sorted(&integrate, "x -n -5 cos 0 1", "x -n -5", "cos 0 1");
    expect_sorted(&integrate, "x --socket -pi cos 0 1", "x --socket -pi", "cos 0 1");
    expect_sorted(&integrate, "x --socket -- cos", "x --socket --", "cos");
    expect_sorted(&integrate, "x --socket= cos", "x --socket=", "cos");
}

Test(args, misspelt_expressions_are_left_to_their_parser) {
    expect_sorted(&integrate, "x cos -pii/2 0", "x", "cos -pii/2 0");
    expect_sorted(&integrate, "x cos -2**pi 0", "x", "cos -2**pi 0");
}

Test(args, after_two_dashes_all_are_operands) {
    expect_sorted(&integrate, "x -n 5 -- -n --json", "x -n 5", "-n --json");
    expect_sorted(&plain, "x --", "x", "");
    expect_sorted(&plain, "x a -- -- b", "x", "a -- b");
}

Test(args, a_single_dash_is_an_operand) {
    expect_sorted(&plain, "x - a", "x", "- a");
    expect_sorted(&integrate, "x -", "x", "-");
}

Test(args, an_empty_operand_is_one) {
    char name[] = "x", empty[] = "", *argv[] = {name, empty, NULL};
    struct args args;
    struct args_error error;
    cr_assert_eq(args_sort(&plain, 2, argv, &args, &error), 0);
    cr_expect_eq(args.n_operands, 1);
    args_free(&args);
}

Test(args, the_command_ends_the_global_options) {
    expect_sorted(&before_command, "x --json integrate -n 5 --nonsense", "x --json",
                  "integrate -n 5 --nonsense");
    expect_sorted(&before_command, "x --socket integrate status", "x --socket integrate", "status");
    expect_sorted(&before_command, "x", "x", "");
}

Test(args, unknown_options_are_named) {
    expect_refused(&integrate, "x --stps 5", "unknown option --stps", "did you mean --steps?");
    expect_refused(&integrate, "x --jsn=1", "unknown option --jsn", "did you mean --json?");
    expect_refused(&integrate, "x --zzzzzz", "unknown option --zzzzzz", "");
    expect_refused(&integrate, "x --js", "unknown option --js", ""); // no prefixes
    expect_refused(&integrate, "x -x", "unknown option -x in \"-x\"", "");
    expect_refused(&plain, "x -hq", "unknown option -q in \"-hq\"", "");
    expect_refused(&plain, "x -2", "unknown option -2 in \"-2\"", "");
}

Test(args, values_too_many_or_too_few) {
    expect_refused(&plain, "x -n", "option -n needs a value", "");
    expect_refused(&plain, "x a --steps", "option --steps needs a value", "");
    expect_refused(&plain, "x --json=yes", "option --json takes no value", "");
}

Test(args, out_of_memory_is_an_answer) {
    char name[] = "x", *argv[] = {name, NULL};
    struct args args = {.n_options = 77};
    struct args_error error;
    jd_mem_fail_nth(1);
    cr_expect_eq(args_sort(&plain, 1, argv, &args, &error), JOBD_E_NOMEM);
    cr_expect_eq(args.n_options, 77, "written only on success");
}
