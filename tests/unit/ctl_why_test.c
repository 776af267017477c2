// One job on one screen, columns that say nothing, and words of the command line.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "listing.h"
#include "signals.h"
#include "size.h"
#include "why.h"

static void expect_screen(const char *map, const char *expected) {
    char text[4096] = "";
    json_error_t e;
    json_t *v = json_loads(map, 0, &e);
    cr_assert(v, "%s", e.text);
    FILE *out = fmemopen(text, sizeof(text), "w");
    cr_assert_eq(why_print(out, v), 0);
    fclose(out);
    json_decref(v);
    cr_expect_str_eq(text, expected, "\n%s", text);
}

Test(why, a_job_that_waits) {
    expect_screen("{\"job\":7,\"state\":\"queued\",\"task\":\"sleep\",\"pool\":\"default\","
                  "\"label\":\"nap\",\"owner\":\"jobctl\",\"priority\":-5,\"attempt\":0,\"lost\":0,"
                  "\"reason\":\"both workers are busy\",\"submitted_s\":1.5,\"ended_s\":null,"
                  "\"queued_s\":1.5,\"sent_s\":0.0,\"run_s\":0.0,\"worker\":null,\"pid\":0,"
                  "\"error\":0,\"error_name\":null,\"error_text\":null}",
                  "job 7 (sleep, pool default): queued\n"
                  "why        both workers are busy\n"
                  "owner      jobctl, submitted 1.500 s ago, priority -5\n"
                  "label      nap\n"
                  "time       queued        1.500 s  ##############################\n"
                  "           sent          0.000 s\n"
                  "           running       0.000 s\n");
}

Test(why, a_process_that_failed) {
    expect_screen("{\"job\":8,\"state\":\"failed\",\"task\":\"exec\",\"pool\":\"processes\","
                  "\"owner\":null,\"attempt\":2,\"lost\":1,\"reason\":\"exited with status 3\","
                  "\"submitted_s\":9,\"ended_s\":1,\"queued_s\":3,\"sent_s\":1,\"run_s\":4,"
                  "\"worker\":2,\"pid\":71,\"progress\":0.25,\"note\":\"a quarter\",\"error\":-66,"
                  "\"error_name\":\"\",\"error_text\":\"exited with status 3\",\"exit_status\":3,"
                  "\"cpu_s\":0.5,\"max_rss_bytes\":3145728,\"result_bytes\":12,"
                  "\"last_output\":\"one\\ntwo\\u001b[1m\",\"new\":\"thing\"}",
                  "job 8 (exec, pool processes): failed\n"
                  "why        exited with status 3\n"
                  "owner      -, submitted 9.000 s ago, ended 1.000 s ago\n"
                  "worker     2, pid 71, run 2, 1 lost with their workers\n"
                  "progress   25%  a quarter\n"
                  "time       queued        3.000 s  ###########\n"
                  "           sent          1.000 s  ####\n"
                  "           running       4.000 s  ###############\n"
                  "           cpu           0.500 s\n"
                  "memory     3.0 MiB at most\n"
                  "error      JOBD_E_EXITED exited with status 3\n"
                  "exit code  3\n"
                  "result     12 bytes\n"
                  "last output\n"
                  "  | one\n"
                  "  | two?[1m\n"
                  "new  thing\n");
}

Test(why, nothing_is_taken_for_granted) {
    expect_screen("{}", "job 0: in no known state\nowner      -\n");
    expect_screen("{\"job\":\"x\",\"state\":7,\"queued_s\":-1,\"signal\":15,\"error\":\"no\"}",
                  "job 0: in no known state\nowner      -\n"
                  "time       queued        0.000 s\nsignal     15\n");
}

// ---- Columns that say nothing ----

Test(listing, a_column_goes_if_no_row_needs_it) {
    static const char *const names[] = {"a", "b", "c", "d", "none", NULL};
    json_t *rows = json_loads("[{\"a\":null,\"b\":0,\"c\":\"\",\"d\":0,\"e\":null},"
                              "{\"b\":0.0,\"c\":\"x\",\"d\":false,\"e\":null}]",
                              0, NULL);
    json_t *rest = json_loads("[{\"c\":\"\",\"e\":null},{\"c\":\"x\",\"e\":null}]", 0, NULL);
    listing_drop_empty(rows, names);
    cr_expect(json_equal(rows, rest));
    json_decref(rows);
    json_decref(rest);
}

// ---- Sizes and signals ----

Test(size, as_people_write_them) {
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {{"0", 0},
                 {"65536", 65536},
                 {"1k", 1024},
                 {"512M", 536870912},
                 {"2GiB", 2147483648},
                 {"1.5G", 1610612736},
                 {"1TB", 1099511627776},
                 {"3kib", 3072},
                 {"0.5K", 512}};
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        uint64_t bytes = 77;
        cr_expect_eq(size_parse(cases[i].text, &bytes), 0, "%s", cases[i].text);
        cr_expect_eq(bytes, cases[i].bytes, "%s", cases[i].text);
    }
}

Test(size, what_is_none) {
    static const char *const texts[] = {"",     "M",   "-1",    "+1",    "1 M",
                                        "1X",   "1Mi", "1MiBs", "1.2.3", "1e6",
                                        "0x10", "inf", "9000T", "1B",    ".5M"};
    uint64_t bytes = 77;
    for (size_t i = 0; i < JD_LEN(texts); i++)
        cr_expect_eq(size_parse(texts[i], &bytes), JOBD_E_INVAL, "\"%s\"", texts[i]);
    cr_expect_eq(bytes, 77, "written only on success");
}

Test(signals, by_name_and_by_number) {
    int n = 0;
    cr_expect(signals_parse("TERM", &n) == 0 && n == SIGTERM);
    cr_expect(signals_parse("SIGHUP", &n) == 0 && n == SIGHUP);
    cr_expect(signals_parse("usr1", &n) == 0 && n == SIGUSR1);
    cr_expect(signals_parse("64", &n) == 0 && n == 64);
    static const char *const texts[] = {"", "SIG", "NONE", "0", "65", "9x", "-9", "TERM "};
    for (size_t i = 0; i < JD_LEN(texts); i++)
        cr_expect_eq(signals_parse(texts[i], &n), JOBD_E_INVAL, "\"%s\"", texts[i]);
    cr_expect_eq(n, 64, "written only on success");
}
