#include "args.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "suggest.h"

// What is known while walking: the syntax, the tokens, and where an error goes.
struct walk {
    const struct args_syntax *syntax;
    int argc;
    char **argv;
    int at; // the token looked at
    struct args *out;
    struct args_error *error;
};

static bool ends(const struct argp_option *o) {
    return o->name == NULL && o->key == 0 && o->doc == NULL;
}

static const struct argp_option *find_short(const struct args_syntax *s, char letter) {
    for (size_t t = 0; t < ARGS_TABLES_MAX && s->tables[t]; t++)
        for (const struct argp_option *o = s->tables[t]; !ends(o); o++)
            if (o->key == (unsigned char)letter)
                return o;
    return NULL;
}

static const struct argp_option *find_long(const struct args_syntax *s, jobd_bytes name) {
    for (size_t t = 0; t < ARGS_TABLES_MAX && s->tables[t]; t++)
        for (const struct argp_option *o = s->tables[t]; !ends(o); o++)
            if (o->name && strlen(o->name) == name.len && memcmp(o->name, name.data, name.len) == 0)
                return o;
    return NULL;
}

static void suggest_long(const struct args_syntax *s, jobd_bytes name, struct args_error *e) {
    struct jd_suggestion best = jd_suggestion_of(name);
    for (size_t t = 0; t < ARGS_TABLES_MAX && s->tables[t]; t++)
        for (const struct argp_option *o = s->tables[t]; !ends(o); o++)
            if (o->name)
                jd_suggestion_offer(&best, (jobd_bytes){o->name, strlen(o->name)});
    if (best.best.data)
        snprintf(e->hint, sizeof(e->hint), "did you mean --%s?", (const char *)best.best.data);
}

static void add_option(struct walk *w) {
    w->out->options[w->out->n_options++] = w->argv[w->at];
}

// The value of an option is the next token, whatever it looks like.
static int take_value(struct walk *w, const char *option) {
    if (w->at + 1 >= w->argc) {
        snprintf(w->error->text, sizeof(w->error->text), "option %.64s needs a value", option);
        return JOBD_E_INVAL;
    }
    w->at++;
    add_option(w);
    return 0;
}

static int sort_long(struct walk *w) {
    const char *token = w->argv[w->at];
    const char *equals = strchr(token, '=');
    jobd_bytes name = {token + 2, equals ? (size_t)(equals - token - 2) : strlen(token + 2)};
    const struct argp_option *o = find_long(w->syntax, name);
    if (!o) {
        snprintf(w->error->text, sizeof(w->error->text), "unknown option --%.*s",
                 (int)JD_MIN(name.len, 64), (const char *)name.data);
        suggest_long(w->syntax, name, w->error);
        return JOBD_E_INVAL;
    }
    if (equals && !o->arg) {
        snprintf(w->error->text, sizeof(w->error->text), "option --%s takes no value", o->name);
        return JOBD_E_INVAL;
    }
    add_option(w);
    return o->arg && !equals ? take_value(w, token) : 0;
}

static int sort_short(struct walk *w) {
    const char *token = w->argv[w->at];
    for (const char *c = token + 1; *c; c++) {
        const struct argp_option *o = find_short(w->syntax, *c);
        if (!o) {
            snprintf(w->error->text, sizeof(w->error->text), "unknown option -%c in \"%.64s\"", *c,
                     token);
            return JOBD_E_INVAL;
        }
        if (o->arg) { // the rest of the token is its value, or the next token
            add_option(w);
            return c[1] ? 0 : take_value(w, token);
        }
    }
    add_option(w);
    return 0;
}

static bool is_operand(const struct args_syntax *s, const char *token) {
    if (token[0] != '-' || token[1] == '\0')
        return true;
    if (!s->is_operand)
        return false;
    // "-pii/2" is no option either: whoever reads the operand can say what is wrong with it.
    bool misspelt = token[1] != '-' && token[2] && !find_short(s, token[1]);
    return misspelt || s->is_operand(token);
}

static void add_rest(struct walk *w) {
    while (w->at < w->argc)
        w->out->operands[w->out->n_operands++] = w->argv[w->at++];
}

static int walk(struct walk *w) {
    for (w->at = 1; w->at < w->argc; w->at++) {
        const char *token = w->argv[w->at];
        int r = 0;
        if (strcmp(token, "--") == 0) {
            w->at++;
            add_rest(w);
        } else if (!is_operand(w->syntax, token))
            r = token[1] == '-' ? sort_long(w) : sort_short(w);
        else if (w->syntax->stops_at_operand)
            add_rest(w);
        else
            w->out->operands[w->out->n_operands++] = w->argv[w->at];
        if (r)
            return r;
    }
    return 0;
}

int args_sort(const struct args_syntax *syntax, int argc, char **argv, struct args *ret,
              struct args_error *reterr) {
    JD_ASSERT(argc > 0);
    size_t n = (size_t)argc + 1;
    char **tokens = jd_zalloc(2 * n * sizeof(*tokens));
    if (!tokens)
        return JOBD_E_NOMEM;
    struct args args = {.n_options = 1, .options = tokens, .operands = tokens + n};
    args.options[0] = argv[0];
    struct args_error error = {.text = ""};
    struct walk w = {syntax, argc, argv, 1, &args, &error};
    int r = walk(&w);
    if (r) {
        args_free(&args);
        *reterr = error;
        return r;
    }
    *ret = args;
    return 0;
}

void args_free(struct args *args) {
    jd_free(args->options);
    *args = (struct args){.n_options = 0};
}
