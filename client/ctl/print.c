#include "print.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "mem.h"

void ctl_double_text(double x, char ret[CTL_DOUBLE_MAX]) {
    if (isnan(x)) {
        snprintf(ret, CTL_DOUBLE_MAX, "nan"); // without the sign some systems print
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(ret, CTL_DOUBLE_MAX, "%.*g", digits, x);
        double back = strtod(ret, NULL);
        if (memcmp(&back, &x, sizeof(x)) == 0)
            return;
    }
}

void ctl_print_safe(FILE *out, const char *text) {
    for (; *text; text++)
        putc(iscntrl((unsigned char)*text) ? '?' : *text, out);
}

// The columns of a table: names borrowed from the rows and from `first`.
struct column {
    const char *name;
    size_t width; // characters
    bool right;   // numbers only
};
struct columns {
    struct column *all;
    size_t n;
};

static int add_column(struct columns *c, const char *name) {
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->all[i].name, name) == 0)
            return 0;
    struct column *all = jd_realloc(c->all, (c->n + 1) * sizeof(*all));
    if (!all)
        return JOBD_E_NOMEM;
    all[c->n++] = (struct column){.name = name, .right = true};
    c->all = all;
    return 0;
}

static bool in_any(const json_t *rows, const char *name) {
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (json_object_get(json_array_get(rows, i), name))
            return true;
    return false;
}

static int find_columns(const json_t *rows, const char *const *first, struct columns *c) {
    int r = 0;
    for (; *first && !r; first++)
        if (in_any(rows, *first))
            r = add_column(c, *first);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *key;
        json_t *value;
        json_object_foreach(json_array_get(rows, i), key, value) {
            if (!r)
                r = add_column(c, key);
        }
    }
    return r;
}

static size_t width_of(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80; // a character of UTF-8 counts once
    return n;
}

// Seconds are named so: "run_s".
static bool is_seconds(const char *name) {
    size_t n = strlen(name);
    return n > 2 && strcmp(name + n - 2, "_s") == 0;
}

// What a cell shows. Owned: free().
static char *cell_text(const char *name, const json_t *v) {
    if (!v || json_is_null(v))
        return strdup("-");
    if (json_is_string(v))
        return strdup(json_string_value(v));
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return NULL;
    if (json_is_boolean(v))
        fputs(json_is_true(v) ? "yes" : "no", out);
    else if (json_is_real(v))
        fprintf(out, is_seconds(name) ? "%.3f" : "%.6g", json_real_value(v));
    else
        ctl_json_write(out, v);
    return fclose(out) ? NULL : text;
}

static char *head_text(const char *name) {
    char *text = strdup(name);
    for (char *c = text; c && *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return text;
}

static void print_cell(FILE *out, const char *text, size_t width, bool right) {
    int pad = (int)(width - JD_MIN(width, width_of(text)));
    fprintf(out, "%*s", right ? pad : 0, "");
    ctl_print_safe(out, text);
    fprintf(out, "%*s", right ? 0 : pad, "");
}

// The texts of all cells, row by row; row 0 is the head.
struct grid {
    char **cells;
    size_t n_rows;
    struct columns columns;
};

static void free_grid(struct grid *g) {
    for (size_t i = 0; g->cells && i < g->n_rows * g->columns.n; i++)
        free(g->cells[i]);
    jd_free(g->cells);
    jd_free(g->columns.all);
}

static int fill_row(struct grid *g, size_t row, const json_t *map) {
    for (size_t i = 0; i < g->columns.n; i++) {
        struct column *c = &g->columns.all[i];
        const json_t *v = json_object_get(map, c->name);
        char *text = map ? cell_text(c->name, v) : head_text(c->name);
        if (!text)
            return JOBD_E_NOMEM;
        g->cells[row * g->columns.n + i] = text;
        c->width = JD_MAX(c->width, width_of(text));
        c->right &= !v || json_is_null(v) || json_is_number(v);
    }
    return 0;
}

static int fill_grid(struct grid *g, const json_t *rows, const char *const *first) {
    int r = find_columns(rows, first, &g->columns);
    if (r)
        return r;
    g->n_rows = json_array_size(rows) + 1;
    g->cells = jd_zalloc(g->n_rows * g->columns.n * sizeof(*g->cells));
    if (!g->cells)
        return JOBD_E_NOMEM;
    for (size_t row = 0; row < g->n_rows && !r; row++)
        r = fill_row(g, row, row > 0 ? json_array_get(rows, row - 1) : NULL);
    return r;
}

int ctl_print_table(FILE *out, const json_t *rows, const char *const *first) {
    struct grid g = {.n_rows = 0};
    int r = fill_grid(&g, rows, first);
    for (size_t i = 0; i < g.n_rows * g.columns.n && !r; i++) {
        const struct column *c = &g.columns.all[i % g.columns.n];
        bool last = (i + 1) % g.columns.n == 0;
        print_cell(out, g.cells[i], last && !c->right ? 0 : c->width, c->right);
        fputs(last ? "\n" : "  ", out);
    }
    free_grid(&g);
    return r;
}

static int print_line(FILE *out, const char *name, size_t width, const json_t *value) {
    char *text = cell_text(name, value);
    if (!text)
        return JOBD_E_NOMEM;
    print_cell(out, name, width, false);
    ctl_print_safe(out, text);
    putc('\n', out);
    free(text);
    return 0;
}

int ctl_print_map(FILE *out, const json_t *map, const char *const *first) {
    struct columns c = {.n = 0};
    json_t *rows = json_array();
    int r = rows && json_array_append(rows, (json_t *)(uintptr_t)map) == 0 ? 0 : JOBD_E_NOMEM;
    if (!r)
        r = find_columns(rows, first, &c);
    size_t width = 0;
    for (size_t i = 0; i < c.n; i++)
        width = JD_MAX(width, width_of(c.all[i].name) + 2);
    for (size_t i = 0; i < c.n && !r; i++)
        r = print_line(out, c.all[i].name, width, json_object_get(map, c.all[i].name));
    jd_free(c.all);
    json_decref(rows);
    return r;
}
