// Listings of the daemon: pages of maps, shown as a table or as JSON.
#ifndef CTL_LISTING_H
#define CTL_LISTING_H

#include "ctl.h"

typedef int listing_page(jobd_conn *conn, int64_t timeout_ms, uint64_t *cursor,
                         jobd_bytes *ret_rows);

struct listing {
    const char *name;         // "workers": what there are, and the name of the array in JSON
    listing_page *page;       // one page of it
    const char *const *first; // the columns that come first; NULL-terminated
    const char *const *spare; // those left out of the table where they say nothing; NULL = none
};

// Append one page to an array. 0 | JOBD_E_*.
int listing_append(json_t *rows, jobd_bytes page);
// Ask for all pages and print them. 0 | an exit code after printing why.
int listing_show(struct ctl *ctl, const struct listing *listing);
// Print rows as a table, or "no NAME". Columns are taken out of the rows. 0 | an exit code.
int listing_print_table(const struct ctl *ctl, const struct listing *listing, json_t *rows);
// Take the members named out of all rows if none of them says anything: null, 0, "" and false.
void listing_drop_empty(json_t *rows, const char *const *names);

#endif
