#include "map_input.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"

void map_input_begin(struct map_input *m, const struct ctl *ctl, FILE *in, int delimiter) {
    *m = (struct map_input){.ctl = ctl, .in = in, .delimiter = delimiter};
    struct stat s;
    off_t at = lseek(fileno(in), 0, SEEK_CUR);
    if (at >= 0 && fstat(fileno(in), &s) == 0 && S_ISREG(s.st_mode) && s.st_size > at)
        m->size_bytes = (uint64_t)(s.st_size - at);
}

void map_input_end(struct map_input *m) {
    free(m->line); // getdelim's
    m->line = NULL;
}

// The arguments, if the line is a JSON array; new. NULL = it is a text.
static json_t *array_of(const char *line, size_t n) {
    if (line[strspn(line, " \t")] != '[')
        return NULL;
    json_t *v = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (v && !json_is_array(v)) {
        json_decref(v);
        v = NULL;
    }
    return v;
}

static int refuse(struct map_input *m, const char *why) {
    m->problem = why;
    return JOBD_E_INVAL;
}

static int build(struct map_input *m, size_t n, jobd_args *item) {
    json_t *array = array_of(m->line, n);
    int r;
    if (array) {
        r = ctl_json_build(array, item);
        json_decref(array);
    } else {
        if (memchr(m->line, '\0', n))
            return refuse(m, "holds a zero byte; with -0 these end the items");
        jobd_args_array(item, 1);
        r = jobd_args_str(item, m->line);
    }
    if (r == JOBD_E_INVAL)
        return refuse(m, "holds what cannot be sent: a bad \"$bin\" or \"$u64\", or \\u0000");
    return r == JOBD_E_LIMIT ? refuse(m, "is nested deeper than 32") : r;
}

int map_input_next(void *arg, jobd_args *item) {
    struct map_input *m = arg;
    if (m->ended)
        return 0;
    ssize_t n_read = getdelim(&m->line, &m->n_room, m->delimiter, m->in);
    if (n_read < 0) {
        m->ended = true;
        m->unreadable = ferror(m->in) != 0;
        return m->unreadable ? JOBD_E_SYS : 0;
    }
    size_t n = (size_t)n_read;
    m->n_bytes += n;
    if (m->line[n - 1] == (char)m->delimiter)
        m->line[--n] = '\0';
    int r = build(m, n, item);
    m->n_items++;
    return r ? r : 1;
}

int map_input_explain(const struct map_input *m) {
    if (m->problem)
        return ctl_exit_of(ctl_misuse(m->ctl, NULL, "item %" PRIu64 " %s", m->n_items, m->problem));
    return m->unreadable ? ctl_fail_call(m->ctl, JOBD_E_SYS, "read standard input") : CTL_DONE;
}

double map_input_total(const struct map_input *m, bool *ret_about) {
    *ret_about = !m->ended;
    if (m->ended)
        return (double)m->n_items;
    if (m->size_bytes == 0 || m->n_bytes == 0)
        return 0;
    double part = JD_MIN((double)m->n_bytes / (double)m->size_bytes, 1);
    return (double)m->n_items / part;
}
