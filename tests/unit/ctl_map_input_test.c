// The lines of jobctl map, as arguments.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "map_input.h"

struct feed {
    struct ctl ctl;
    FILE *file;
    struct map_input input;
    jobd_args *item;
};

static void begin(struct feed *f, const char *text, size_t n, int delimiter) {
    *f = (struct feed){.file = tmpfile(), .item = jobd_args_new()};
    cr_assert_eq(fwrite(text, 1, n, f->file), n);
    rewind(f->file);
    map_input_begin(&f->input, &f->ctl, f->file, delimiter);
}

static void end(struct feed *f) {
    map_input_end(&f->input);
    fclose(f->file);
    jobd_args_free(f->item);
}

// The next item as JSON, or what map_input_next() returns instead.
static int next(struct feed *f, char *ret, size_t size) {
    jobd_args_reset(f->item);
    int r = map_input_next(&f->input, f->item);
    if (r <= 0)
        return r;
    jobd_bytes bytes;
    json_t *v;
    cr_assert_eq(jobd_args_finish(f->item, &bytes), 0);
    cr_assert_eq(ctl_json_of(bytes, &v), 0);
    char *text = json_dumps(v, JSON_COMPACT);
    snprintf(ret, size, "%s", text);
    free(text);
    json_decref(v);
    return r;
}

static void expect_items(const char *text, size_t n, int delimiter, const char *const *items) {
    struct feed f;
    char item[256];
    begin(&f, text, n, delimiter);
    for (; *items; items++) {
        cr_assert_eq(next(&f, item, sizeof(item)), 1, "%s", *items);
        cr_expect_str_eq(item, *items);
    }
    cr_expect_eq(next(&f, item, sizeof(item)), 0);
    cr_expect_eq(next(&f, item, sizeof(item)), 0, "and so it stays");
    cr_expect_eq(map_input_explain(&f.input), 0);
    end(&f);
}

#define EXPECT_ITEMS(text, delimiter, ...)                                                         \
    expect_items(text, sizeof(text) - 1, delimiter, (const char *const[]){__VA_ARGS__, NULL})

Test(map_input, a_json_array_is_the_arguments_any_other_line_one_text) {
    EXPECT_ITEMS("[1, \"a\"]\nhello world\n5\n{\"a\":1}\n  [2]\n", '\n', "[1,\"a\"]",
                 "[\"hello world\"]", "[\"5\"]", "[\"{\\\"a\\\":1}\"]", "[2]");
    EXPECT_ITEMS("[1\n[1]]\n[]\n", '\n', "[\"[1\"]", "[\"[1]]\"]", "[]");
}

Test(map_input, the_last_line_may_have_no_end) {
    EXPECT_ITEMS("a\nb", '\n', "[\"a\"]", "[\"b\"]");
    EXPECT_ITEMS("\n\n", '\n', "[\"\"]", "[\"\"]");
    expect_items("", 0, '\n', (const char *const[]){NULL});
}

Test(map_input, zero_bytes_may_end_the_items) {
    EXPECT_ITEMS("a b\0c\nd\0[7]", '\0', "[\"a b\"]", "[\"c\\nd\"]", "[7]");
}

static void expect_refused(const char *text, size_t n) {
    struct feed f;
    char item[64];
    begin(&f, text, n, '\n');
    cr_expect_lt(next(&f, item, sizeof(item)), 0);
    cr_expect_eq(map_input_explain(&f.input), CTL_USAGE);
    end(&f);
}

Test(map_input, what_cannot_be_sent_is_refused) {
    expect_refused("a\0b\n", 4);
    expect_refused("[{\"$bin\":\"?\"}]\n", 15);
    expect_refused("[\"\\u0000\"]\n", 11);
    char deep[128];
    memset(deep, '[', 40);
    memset(deep + 40, ']', 40);
    deep[80] = '\n';
    expect_refused(deep, 81);
}

Test(map_input, the_length_of_a_file_tells_how_many_there_will_be) {
    struct feed f;
    char item[64];
    bool about = false;
    begin(&f, "aaaa\nbbbb\ncccc\ndddd\n", 20, '\n');
    cr_expect_eq(map_input_total(&f.input, &about), 0, "nothing is known yet");
    next(&f, item, sizeof(item));
    cr_expect_float_eq(map_input_total(&f.input, &about), 4, 1e-9);
    cr_expect(about);
    while (next(&f, item, sizeof(item)) > 0) {
    }
    cr_expect_eq(map_input_total(&f.input, &about), 4);
    cr_expect_not(about);
    end(&f);
}

Test(map_input, a_pipe_tells_only_at_its_end) {
    struct feed f = {.item = jobd_args_new()};
    char item[64];
    int fds[2];
    bool about;
    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(write(fds[1], "a\nb\n", 4), 4);
    close(fds[1]);
    f.file = fdopen(fds[0], "r");
    map_input_begin(&f.input, &f.ctl, f.file, '\n');
    next(&f, item, sizeof(item));
    cr_expect_eq(map_input_total(&f.input, &about), 0);
    while (next(&f, item, sizeof(item)) > 0) {
    }
    cr_expect_eq(map_input_total(&f.input, &about), 2);
    cr_expect_not(about);
    end(&f);
}
