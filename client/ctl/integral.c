#include "integral.h"

#include <math.h>
#include <string.h>

#include "listing.h"
#include "number.h"

#define BACKEND_NAMES BACKEND_MAP(JD_NAME_OF)

static const struct {
    const char *name, *pool;
} backends[] = {
#define X(name, pool) {#name, pool},
    BACKEND_MAP(X)
#undef X
};

const char *backend_name(enum backend b) {
    return backends[b].name;
}

const char *backend_pool(enum backend b) {
    return backends[b].pool;
}

static jobd_bytes bytes_of(const char *text) {
    return (jobd_bytes){text, strlen(text)};
}

// ---- options ----

static int no_such(const struct ctl *ctl, const char *what, const char *name, const char *names) {
    char hint[80];
    snprintf(hint, sizeof(hint), "there are:%s", names);
    return ctl_misuse(ctl, hint, "there is no %s \"%.64s\"", what, name);
}

int integral_read_rule(struct integral *in, const char *name) {
    return jd_rule_find(bytes_of(name), &in->rule) == 0
               ? 0
               : no_such(in->ctl, "rule", name, JD_RULE_NAMES);
}

int integral_read_kernel(struct integral *in, const char *name) {
    return jd_kernel_find(bytes_of(name), &in->kernel) == 0
               ? 0
               : no_such(in->ctl, "kernel", name, JD_KERNEL_NAMES);
}

// Whether the worker's CPU has it, the worker says.
int integral_read_isa(struct integral *in, const char *name) {
    enum jd_isa isa;
    in->isa = name;
    return jd_isa_find(bytes_of(name), &isa) == 0
               ? 0
               : no_such(in->ctl, "instruction set", name, JD_ISA_NAMES);
}

int integral_read_backend(struct integral *in, const char *name) {
    for (int b = 0; b < BACKENDS; b++)
        if (strcmp(backends[b].name, name) == 0) {
            in->backend = (enum backend)b;
            return 0;
        }
    return no_such(in->ctl, "backend", name, BACKEND_NAMES);
}

int integral_read_param(struct integral *in, const char *text) {
    const char *equals = strchr(text, '=');
    if (!equals)
        return ctl_misuse(in->ctl, "write NAME=VALUE: -p k=3", "\"%.64s\" is no parameter", text);
    if (in->n_params == JD_EXPR_PARAMS_MAX)
        return ctl_misuse(in->ctl, NULL, "at most %d parameters are possible", JD_EXPR_PARAMS_MAX);
    struct jd_expr_param *p = &in->params[in->n_params++];
    char what[JD_EXPR_NAME_MAX + 16];
    p->name = (jobd_bytes){text, (size_t)(equals - text)};
    snprintf(what, sizeof(what), "parameter %.*s", (int)JD_MIN(p->name.len, JD_EXPR_NAME_MAX),
             text);
    return number_parse(in->ctl, what, equals + 1, &p->value);
}

// ---- operands ----

static int no_function(const struct integral *in) {
    const char *close = jd_integrand_suggest(bytes_of(in->function));
    char hint[480];
    size_t n = (size_t)snprintf(hint, sizeof(hint),
                                close ? "did you mean \"%s\"?"
                                      : "write an expression of x, as 'exp(-x^2)'; there are:%s",
                                close ? close : "");
    const struct jd_integrand *f;
    for (size_t i = 0; !close && (f = jd_integrand_at(i)) != NULL && n < sizeof(hint) - 16; i++)
        n += (size_t)snprintf(hint + n, sizeof(hint) - n, " %s", f->name);
    return ctl_misuse(in->ctl, hint, "there is no function \"%.64s\"", in->function);
}

static int read_function(struct integral *in) {
    const jobd_bytes text = bytes_of(in->function);
    struct jd_expr_error error;
    in->foreign = jd_formula_is_foreign(text);
    if (in->foreign || jd_formula_parse(text, in->params, in->n_params, &in->formula, &error) == 0)
        return 0;
    if (jd_formula_is_word(text) && error.column > 0)
        return no_function(in);
    return number_misuse(in->ctl, "FUNC", in->function, &error);
}

static int check(const struct integral *in) {
    enum jd_isa isa = JD_ISA_BASELINE;
    if (!isfinite(in->b - in->a))
        return ctl_misuse(in->ctl, "choose bounds that are closer together",
                          "from A to B is farther than a double can tell");
    if (in->n_steps == 0)
        return ctl_misuse(in->ctl, NULL, "at least one step is needed");
    if (*in->isa && in->kernel != JD_KERNEL_FAST)
        return ctl_misuse(in->ctl, "add --kernel fast",
                          "--isa is for the fast kernel: the portable one is the same on all");
    if (in->n_params > 0 && (in->foreign || in->formula.named))
        return ctl_misuse(in->ctl, "write an expression, as 'exp(-k*x)'",
                          "\"%.64s\" takes no parameters", in->function);
    if (in->foreign && in->backend == BACKEND_serial)
        return ctl_misuse(in->ctl, "use --backend process, or thread",
                          "only workers have the functions of plugins, like \"%.64s\"",
                          in->function);
    if (in->backend == BACKEND_serial && *in->isa && jd_isa_find(bytes_of(in->isa), &isa) == 0 &&
        !jd_isa_available(isa)) {
        char names[JD_ISA_NAMES_MAX];
        return no_such(in->ctl, "instruction set in this CPU like", in->isa,
                       jd_isa_available_names(names));
    }
    return 0;
}

int integral_read_operands(struct integral *in, char **operands) {
    in->function = operands[0];
    int r = read_function(in);
    if (!r)
        r = number_parse(in->ctl, "A", operands[1], &in->a);
    if (!r)
        r = number_parse(in->ctl, "B", operands[2], &in->b);
    return r ? r : check(in);
}

bool integral_is_operand(const char *token) {
    struct jd_formula f;
    return jd_formula_parse(bytes_of(token), NULL, 0, &f, NULL) == 0;
}

// ---- who computes ----

static uint64_t slots_in(const json_t *pools, const char *name) {
    for (size_t i = 0; i < json_array_size(pools); i++) {
        const json_t *pool = json_array_get(pools, i);
        const char *is = json_string_value(json_object_get(pool, "pool"));
        if (is && strcmp(is, name) == 0)
            return (uint64_t)json_integer_value(json_object_get(pool, "workers")) *
                   (uint64_t)json_integer_value(json_object_get(pool, "threads"));
    }
    return 0;
}

int integral_count_jobs(const struct integral *in, uint64_t *ret) {
    *ret = JD_MAX(in->n_jobs, (uint64_t)1);
    if (in->n_jobs > 0 || in->backend == BACKEND_serial)
        return CTL_DONE;
    json_t *pools = json_array();
    uint64_t cursor = 0, slots;
    int r = pools ? 0 : JOBD_E_NOMEM;
    while (!r) {
        jobd_bytes page;
        r = jobd_daemon_pools(in->ctl->conn, CTL_ANSWER_MS, &cursor, &page);
        r = r ? r : listing_append(pools, page);
        if (!r && cursor == 0)
            break;
    }
    slots = slots_in(pools, backend_pool(in->backend));
    json_decref(pools);
    if (r)
        return ctl_fail_call(in->ctl, r, "ask the daemon for its pools");
    *ret = JD_MAX(slots, (uint64_t)1);
    return CTL_DONE;
}

const char *integral_hint(const struct integral *in, const jobd_error *why) {
    if (why->code != JOBD_E_TASK)
        return NULL;
    if (strcmp(why->name, "not_finite") == 0)
        return "integrate up to there and from there on, or give it a value there: 'if(x == 0, 1, "
               "sin(x)/x)'";
    if (in->foreign && strcmp(why->name, "no_function") == 0)
        return "name the plugin that has it under `plugins` in jobd.conf, and start jobd again";
    return "";
}

struct jd_integral integral_here(struct integral *in) {
    enum jd_isa isa = jd_isa_best();
    JD_ASSERT(!in->foreign);
    if (*in->isa)
        jd_isa_find(bytes_of(in->isa), &isa);
    return (struct jd_integral){
        .f = jd_formula_source(&in->formula, in->kernel, isa),
        .a = in->a,
        .b = in->b,
        .n = in->n_steps,
        .rule = in->rule,
        .kernel = in->kernel,
        .isa = isa,
        .edges = JD_EDGE_BOTH,
    };
}

void integral_param_name(const struct integral *in, size_t i, char ret[JD_EXPR_NAME_MAX + 1]) {
    const jobd_bytes name = in->params[i].name;
    snprintf(ret, JD_EXPR_NAME_MAX + 1, "%.*s", (int)JD_MIN(name.len, JD_EXPR_NAME_MAX),
             (const char *)name.data);
}

void integral_pack_params(const struct integral *in, jobd_args *a) {
    jobd_args_map(a, (uint32_t)in->n_params);
    for (size_t i = 0; i < in->n_params; i++) {
        char name[JD_EXPR_NAME_MAX + 1];
        integral_param_name(in, i, name);
        jobd_args_str(a, name);
        jobd_args_f64(a, in->params[i].value);
    }
}
