// The command line: args.c sorts it, argp reads the options and writes the help.
#include <string.h>

#include "ctl.h"
#include "duration.h"

enum { KEY_SOCKET = 0x100, KEY_JSON };

static const struct argp_option global_options[] = {
    {"socket", KEY_SOCKET, "PATH", 0,
     "the daemon's socket (default: $JOBD_SOCKET, else "
     "$XDG_RUNTIME_DIR/jobd/sock, else /run/jobd/sock)",
     -1},
    {"json", KEY_JSON, NULL, 0, "print one JSON object; errors are one too, on stderr", -1},
    {"help", 'h', NULL, 0, "print this and exit", -1},
    {"version", 'V', NULL, 0, "print the version and exit", -1},
    {0},
};

// What the parser of the global options works on; it hands `input` on to the command's.
struct parse {
    struct ctl *ctl;
    void *input;
};

static error_t on_global(int key, char *arg, struct argp_state *state) {
    struct parse *p = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        if (state->root_argp->children)
            state->child_inputs[0] = p->input;
        return 0;
    case KEY_SOCKET:
        p->ctl->socket = arg;
        return *arg ? 0 : ctl_misuse(p->ctl, NULL, "--socket needs a path");
    case KEY_JSON:
        p->ctl->json = p->ctl->json_given = true;
        return 0;
    case 'h':
        p->ctl->help = true;
        return 0;
    case 'V':
        p->ctl->version = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int sort_and_parse(const struct args_syntax *syntax, const struct argp *argp,
                          struct parse *input, char **argv, struct args *ret) {
    int argc = 0;
    while (argv[argc])
        argc++;
    struct args_error error;
    int r = args_sort(syntax, argc, argv, ret, &error);
    if (r == JOBD_E_INVAL)
        return ctl_misuse(input->ctl, error.hint[0] ? error.hint : NULL, "%s", error.text);
    if (r)
        return ctl_fail_call(input->ctl, r, "read the command line"), r;
    const unsigned flags = ARGP_NO_ERRS | ARGP_NO_HELP | ARGP_NO_EXIT;
    r = argp_parse(argp, ret->n_options, ret->options, flags, NULL, input);
    if (r)
        args_free(ret);
    return r;
}

// What ends the command here. 0 = nothing.
static int show_help(struct ctl *ctl, const struct argp *argp, char *name) {
    if (ctl->help)
        argp_help(argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC, name);
    else if (ctl->version)
        printf("jobctl %s\n", jobd_version_string());
    return ctl->help || ctl->version;
}

static int check_operands(struct ctl *ctl, const struct ctl_syntax *syntax, const char *name,
                          const struct args *args) {
    const char *shape = syntax->argp.args_doc;
    char hint[160];
    snprintf(hint, sizeof(hint), "usage: %s [OPTION...]%s%s", name, shape ? " " : "",
             shape ? shape : "");
    if (args->n_operands < syntax->n_least)
        return ctl_misuse(ctl, hint, "%d more argument%s needed",
                          syntax->n_least - args->n_operands,
                          syntax->n_least - args->n_operands == 1 ? " is" : "s are");
    if (args->n_operands > syntax->n_most)
        return ctl_misuse(ctl, hint, "unexpected argument \"%.64s\"",
                          args->operands[syntax->n_most]);
    return 0;
}

int ctl_parse(struct ctl *ctl, const struct ctl_syntax *syntax, char **argv, void *input,
              struct args *ret) {
    const struct argp own = {.options = syntax->argp.options, .parser = syntax->argp.parser};
    const struct argp_child children[] = {{&own, 0, NULL, 0}, {0}};
    const struct argp top = {
        .options = global_options,
        .parser = on_global,
        .args_doc = syntax->argp.args_doc,
        .doc = syntax->argp.doc,
        .children = own.parser ? children : NULL,
    };
    const struct args_syntax sorted = {
        .tables = {global_options, own.options},
        .is_operand = syntax->is_operand,
        .stops_at_operand = syntax->stops_at_operand,
    };
    struct args args;
    int r = sort_and_parse(&sorted, &top, &(struct parse){ctl, input}, argv, &args);
    if (r)
        return r;
    r = show_help(ctl, &top, argv[0]);
    if (!r)
        r = check_operands(ctl, syntax, argv[0], &args);
    if (r) {
        args_free(&args);
        return r;
    }
    ctl->json = ctl->json_given;
    *ret = args;
    return 0;
}

int ctl_parse_main(struct ctl *ctl, const struct argp *main_argp, char **argv, struct args *ret) {
    const struct argp commands = {.options = main_argp->options};
    const struct argp_child children[] = {{&commands, 0, "Commands:", -2}, {0}};
    const struct argp top = {
        .options = global_options,
        .parser = on_global,
        .args_doc = main_argp->args_doc,
        .doc = main_argp->doc,
        .children = children,
    };
    const struct args_syntax sorted = {.tables = {global_options}, .stops_at_operand = true};
    struct args args;
    int r = sort_and_parse(&sorted, &top, &(struct parse){ctl, NULL}, argv, &args);
    if (r)
        return r;
    r = show_help(ctl, &top, argv[0]);
    if (r)
        args_free(&args);
    else
        *ret = args;
    return r;
}

int ctl_parse_duration(const struct ctl *ctl, const char *option, const char *text, bool zero,
                       int64_t *ret_ms) {
    if (zero && strcmp(text, "0") == 0) {
        *ret_ms = 0;
        return 0;
    }
    if (duration_parse(text, ret_ms) == 0)
        return 0;
    return ctl_misuse(ctl,
                      zero ? "write 0, or a duration with its units: 500ms, 90s, 5m, 1h30m"
                           : "write a duration with its units: 500ms, 90s, 5m, 1h30m",
                      "%s cannot be \"%.64s\"", option, text);
}
