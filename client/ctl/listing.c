#include "listing.h"

#include <string.h>

#include "json.h"
#include "print.h"

int listing_append(json_t *rows, jobd_bytes bytes) {
    json_t *page;
    int r = ctl_json_of(bytes, &page);
    if (r)
        return r;
    if (!json_is_array(page))
        r = JOBD_E_PROTO;
    else if (json_array_extend(rows, page))
        r = JOBD_E_NOMEM;
    json_decref(page);
    return r;
}

static int ask(struct ctl *ctl, const struct listing *listing, json_t *rows) {
    uint64_t cursor = 0;
    int r;
    do {
        jobd_bytes bytes;
        r = listing->page(ctl->conn, CTL_ANSWER_MS, &cursor, &bytes);
        if (!r)
            r = listing_append(rows, bytes);
    } while (!r && cursor != 0);
    return r;
}

static bool says_nothing(const json_t *v) {
    if (json_is_number(v))
        return json_number_value(v) == 0;
    return !v || json_is_null(v) || json_is_false(v) ||
           (json_is_string(v) && json_string_length(v) == 0);
}

void listing_drop_empty(json_t *rows, const char *const *names) {
    for (; *names; names++) {
        bool empty = true;
        for (size_t i = 0; i < json_array_size(rows) && empty; i++)
            empty = says_nothing(json_object_get(json_array_get(rows, i), *names));
        for (size_t i = 0; i < json_array_size(rows) && empty; i++)
            json_object_del(json_array_get(rows, i), *names);
    }
}

int listing_print_table(const struct ctl *ctl, const struct listing *listing, json_t *rows) {
    if (json_array_size(rows) == 0) {
        printf("no %s\n", listing->name);
        return CTL_DONE;
    }
    if (listing->spare)
        listing_drop_empty(rows, listing->spare);
    int r = ctl_print_table(stdout, rows, listing->first);
    return r ? ctl_fail_call(ctl, r, "print a table") : CTL_DONE;
}

int listing_show(struct ctl *ctl, const struct listing *listing) {
    json_t *rows = json_array();
    int r = rows ? ask(ctl, listing, rows) : JOBD_E_NOMEM;
    if (r) {
        char call[64];
        snprintf(call, sizeof(call), "list the daemon's %s", listing->name);
        r = ctl_fail_call(ctl, r, call);
    } else if (ctl->json)
        r = ctl_print_json(ctl, json_pack("{s:O}", listing->name, rows));
    else
        r = listing_print_table(ctl, listing, rows);
    json_decref(rows);
    return r;
}
