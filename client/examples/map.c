// Executor.map: list(executor.map(print, ["Knock?", "Knock!"])), and an input without an end.
#include "example.h"

enum { SQUARES = 5 };

struct words {
    const char *const *next; // ends in NULL
};

static int next_word(void *arg, jobd_args *item) {
    struct words *words = arg;
    if (!*words->next)
        return 0;
    jobd_args_array(item, 1);
    int r = jobd_args_str(item, *words->next++);
    return r < 0 ? r : 1;
}

// range() without an end: items are taken only as results are given back.
static int next_number(void *arg, jobd_args *item) {
    int64_t *n = arg;
    jobd_args_array(item, 1);
    int r = jobd_args_i64(item, (*n)++);
    return r < 0 ? r : 1;
}

static void knock(jobd_executor *ex) {
    static const char *const texts[] = {"Knock?", "Knock!", NULL};
    struct words words = {texts};
    jobd_map_iter *map;
    jobd_bytes value, text;
    must(jobd_map(ex, "lecture.say", next_word, &words, NULL, &map), "map");
    while (must(jobd_map_next(map, &value, NULL), "next") == 1) {
        jobd_reader r = jobd_reader_of(value);
        must(jobd_read_str(&r, &text), "the task returns its text");
        printf("%.*s\n", (int)text.len, (const char *)text.data);
    }
    jobd_map_free(map);
}

static void squares(jobd_executor *ex) {
    int64_t n = 0;
    jobd_map_iter *map;
    jobd_bytes value;
    must(jobd_map(ex, "lecture.square", next_number, &n, NULL, &map), "map");
    for (int i = 0; i < SQUARES && must(jobd_map_next(map, &value, NULL), "next") == 1; i++)
        printf("%g\n", number(value));
    jobd_map_free(map); // what was taken beyond is dropped
}

// The first failure comes at its turn, after the results before it, and is the end.
static void failure(jobd_executor *ex) {
    static const char *const texts[] = {"no number", NULL};
    struct words words = {texts};
    jobd_map_iter *map;
    jobd_bytes value;
    jobd_error why;
    uint64_t index;
    must(jobd_map(ex, "lecture.square", next_word, &words, NULL, &map), "map");
    int r = jobd_map_next(map, &value, NULL);
    if (jobd_map_error(map, &why, &index) == 1)
        printf("%s at item %d: %s\n", jobd_errname(r), (int)index, why.message);
    jobd_map_free(map);
}

int main(void) {
    jobd_conn *conn = connect_to_jobd();
    jobd_executor *ex;
    must(jobd_executor_open(conn, NULL, &ex), "executor");
    knock(ex);
    squares(ex);
    failure(ex);
    jobd_executor_free(ex);
    jobd_close(conn);
    return 0;
}
