// The items of jobctl map: the lines of a file, each the arguments of one call. A line that is a JSON
// array holds them, any other line is one text.
#ifndef CTL_MAP_INPUT_H
#define CTL_MAP_INPUT_H

#include <stdio.h>

#include "ctl.h"

struct map_input {
    const struct ctl *ctl;
    FILE *in;
    int delimiter; // '\n', or '\0'
    char *line;
    size_t n_room;
    uint64_t n_items;
    uint64_t n_bytes;    // read so far
    uint64_t size_bytes; // of a file, from where reading began; 0 = not known
    bool ended;
    const char *problem; // what is wrong with the last item; NULL = nothing
    bool unreadable;
};

// in is borrowed. map_input_end() frees.
void map_input_begin(struct map_input *m, const struct ctl *ctl, FILE *in, int delimiter);
void map_input_end(struct map_input *m);
// A jobd_item_fn, arg = the map_input. Prints nothing: another thread may be at the terminal.
int map_input_next(void *arg, jobd_args *item);
// Print why it has ended before its time. Returns an exit code; 0 = it has not.
int map_input_explain(const struct map_input *m);
// How many items there are: 0 = not known; *ret_about = as far as the length of the file tells.
double map_input_total(const struct map_input *m, bool *ret_about);

#endif
