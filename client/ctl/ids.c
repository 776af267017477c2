#include "ids.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static int append(struct ids *ids, uint64_t id) {
    if (ids->n == IDS_MAX)
        return JOBD_E_LIMIT;
    if (ids->n == ids->n_room) {
        size_t n = JD_MAX(2 * ids->n_room, 16);
        uint64_t *at = jd_realloc(ids->at, n * sizeof(*at));
        if (!at)
            return JOBD_E_NOMEM;
        ids->at = at;
        ids->n_room = n;
    }
    ids->at[ids->n++] = id;
    return 0;
}

// Digits at *at, which then stands behind them; 0 = there is no id, as none is 0.
static uint64_t read_id(const char **at) {
    char *end;
    errno = 0;
    unsigned long long id = isdigit((unsigned char)**at) ? strtoull(*at, &end, 10) : 0;
    if (id == 0 || errno == ERANGE)
        return 0;
    *at = end;
    return id;
}

int ids_add(struct ids *ids, const char *text) {
    const char *at = text;
    for (;;) {
        uint64_t low = read_id(&at), high = low;
        if (*at == '-') {
            at++;
            high = read_id(&at);
        }
        if (low == 0 || high < low || (*at && *at != ','))
            return JOBD_E_INVAL;
        if (high - low >= IDS_MAX)
            return JOBD_E_LIMIT;
        for (uint64_t n = high - low + 1, id = low; n > 0; n--, id++) {
            int r = append(ids, id);
            if (r)
                return r;
        }
        if (!*at++)
            return 0;
    }
}

static int add(const struct ctl *ctl, struct ids *ids, const char *text) {
    int r = ids_add(ids, text);
    if (r == JOBD_E_INVAL)
        return ctl_exit_of(ctl_misuse(ctl, "jobs are named by their ids: 12, 3-9, 1,4,7",
                                      "\"%.64s\" names no job", text));
    if (r == JOBD_E_LIMIT)
        return ctl_exit_of(
            ctl_misuse(ctl, NULL, "these are more than %d jobs; name fewer at a time", IDS_MAX));
    return r ? ctl_fail_call(ctl, r, "read the ids of the jobs") : CTL_DONE;
}

static int add_line(const struct ctl *ctl, struct ids *ids, char *line) {
    static const char blanks[] = " \t\r\n";
    int r = CTL_DONE;
    for (char *at = line + strspn(line, blanks); *at && !r; at += strspn(at, blanks)) {
        size_t n = strcspn(at, blanks);
        char *next = at + n + (at[n] != '\0');
        at[n] = '\0';
        r = add(ctl, ids, at);
        at = next;
    }
    return r;
}

static int add_input(const struct ctl *ctl, struct ids *ids) {
    char *line = NULL;
    size_t n_room = 0;
    int r = CTL_DONE;
    while (!r && getline(&line, &n_room, stdin) >= 0)
        r = add_line(ctl, ids, line);
    if (!r && ferror(stdin))
        r = ctl_fail_call(ctl, JOBD_E_SYS, "read standard input");
    free(line); // getline's
    return r;
}

int ids_read(const struct ctl *ctl, char *const *tokens, struct ids *ret) {
    *ret = (struct ids){.n = 0};
    int r = CTL_DONE;
    for (; *tokens && !r; tokens++)
        r = strcmp(*tokens, "-") == 0 ? add_input(ctl, ret) : add(ctl, ret, *tokens);
    if (!r && ret->n == 0)
        r = ctl_exit_of(ctl_misuse(ctl, NULL, "standard input names no job"));
    return r;
}

void ids_free(struct ids *ids) {
    jd_free(ids->at);
    *ids = (struct ids){.n = 0};
}
