#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/state.h"

static char dir[64];
static struct state state;
static struct fault fault;

static void set_up(void) {
    snprintf(dir, sizeof dir, "/tmp/jobd-state-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static const char *file(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void tear_down(void) {
    unlink(file("counters"));
    unlink(file("counters.new"));
    rmdir(file("deep/er"));
    rmdir(file("deep"));
    rmdir(dir);
}

static void read_file(char *text, size_t size) {
    FILE *f = fopen(file("counters"), "r");
    cr_assert_not_null(f);
    size_t n = fread(text, 1, size - 1, f);
    text[n] = '\0';
    fclose(f);
}

static void write_file(const char *text, size_t n) {
    FILE *f = fopen(file("counters"), "w");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(text, 1, n, f), n);
    fclose(f);
}

static void open_expecting(uint64_t next_job) {
    cr_assert_eq(state_open(&state, dir, &fault), 0, "%s", fault.text);
    cr_assert_eq(state.next_job, next_job);
}

TestSuite(state, .init = set_up, .fini = tear_down);

Test(state, begins_at_one) {
    open_expecting(1);
    cr_assert_eq(state.next_token, 1);
    state_close(&state);
}

Test(state, a_crash_skips_the_block) {
    open_expecting(1);
    state_close(&state);
    open_expecting(1 + STATE_BLOCK);
    cr_assert_eq(state.next_token, 1 + STATE_BLOCK);
    state_close(&state);
}

Test(state, a_clean_stop_skips_nothing) {
    open_expecting(1);
    cr_assert_eq(state_settle(&state, 42), 0);
    state_close(&state);
    open_expecting(42);
    cr_assert_eq(state.next_token, 1);
    state_close(&state);
}

Test(state, a_reservation_outlives_a_crash) {
    open_expecting(1);
    cr_assert_eq(state_reserve(&state, 1 + 3 * STATE_BLOCK), 0);
    state_close(&state);
    open_expecting(1 + 3 * STATE_BLOCK);
    state_close(&state);
}

Test(state, is_for_one_at_a_time) {
    struct state other;
    open_expecting(1);
    cr_assert_eq(state_open(&other, dir, &fault), -1);
    cr_assert_eq(fault.code, FAULT_RUNNING);
    state_close(&state);
    cr_assert_eq(state_open(&other, dir, &fault), 0);
    state_close(&other);
}

Test(state, makes_its_directory) {
    struct stat st;
    cr_assert_eq(state_open(&state, file("deep/er"), &fault), 0, "%s", fault.text);
    cr_assert_eq(stat(file("deep/er"), &st), 0);
    cr_assert_eq(st.st_mode & 07777u, 0700);
    state_close(&state);
    unlink(file("deep/er/counters"));
}

Test(state, is_not_shared_with_others) {
    cr_assert_eq(chmod(dir, 0770), 0);
    cr_assert_eq(state_open(&state, dir, &fault), -1);
    cr_assert_eq(fault.code, FAULT_CREATE);
    cr_assert_not_null(strstr(fault.text, "can be written to by others (mode 0770)"));
}

// Any damage is found: every byte is changed, every end is cut off.
Test(state, damage_is_refused) {
    char good[256], bad[256];
    open_expecting(1);
    cr_assert_eq(state_settle(&state, 123456), 0);
    state_close(&state);
    read_file(good, sizeof good);
    size_t n = strlen(good);
    for (size_t i = 0; i < n; i++) {
        memcpy(bad, good, n);
        bad[i] ^= 1;
        write_file(bad, n);
        cr_assert_eq(state_open(&state, dir, &fault), -1, "byte %zu was changed", i);
        cr_assert_not_null(strstr(fault.text, "is damaged"));
        write_file(good, i);
        cr_assert_eq(state_open(&state, dir, &fault), -1, "cut at %zu", i);
    }
    read_file(bad, sizeof bad);
    cr_assert_eq(strlen(bad), n - 1, "the damaged file was not left as it was");
    memcpy(bad, good, n);
    bad[n] = '\0';
    write_file(bad, n + 1);
    cr_assert_eq(state_open(&state, dir, &fault), -1, "something was added");
    write_file(good, n);
    open_expecting(123456);
    state_close(&state);
}

Test(state, what_a_crash_leaves_behind_does_no_harm) {
    open_expecting(1);
    cr_assert_eq(state_settle(&state, 9), 0);
    state_close(&state);
    FILE *f = fopen(file("counters.new"), "w");
    fputs("jobd coun", f);
    fclose(f);
    open_expecting(9);
    state_close(&state);
}

Test(state, a_vanished_directory_is_an_error) {
    open_expecting(1);
    unlink(file("counters"));
    cr_assert_eq(rmdir(dir), 0);
    cr_assert_lt(state_reserve(&state, 1 + 2 * STATE_BLOCK), 0);
    state_close(&state);
}
