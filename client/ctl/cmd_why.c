// jobctl why: one job, on one screen.
#include <inttypes.h>

#include "ids.h"
#include "json.h"
#include "why.h"

static const struct ctl_syntax syntax = {
    .argp = {.args_doc = "ID...",
             .doc = "Show why a job waits or how it ended, and where its time went.\n\n"
                    "  jobctl why 12\n"
                    "  jobctl why 12 --json | jq -r .reason\n"
                    "\vWith --json each job is one object on a line of its own."},
    .n_least = 1,
    .n_most = CTL_MANY,
};

static int explain_missing(const struct ctl *ctl, uint64_t id) {
    jobd_error why = {.code = JOBD_E_NOENT};
    snprintf(why.message, sizeof(why.message), "there is no job %" PRIu64 ", or it is forgotten",
             id);
    return ctl_fail(ctl, &why, NULL);
}

static int show(struct ctl *ctl, uint64_t id) {
    jobd_bytes bytes;
    json_t *map;
    int r = jobd_job_why(ctl->conn, id, CTL_ANSWER_MS, &bytes);
    if (r == JOBD_E_NOENT)
        return explain_missing(ctl, id);
    if (!r)
        r = ctl_json_of(bytes, &map);
    if (r)
        return ctl_fail_call(ctl, r, "ask why");
    if (ctl->json)
        return ctl_print_json(ctl, map);
    r = why_print(stdout, map);
    json_decref(map);
    return r ? ctl_fail_call(ctl, r, "show why") : CTL_DONE;
}

int cmd_why(struct ctl *ctl, char **argv) {
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, NULL, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    struct ids ids;
    r = ids_read(ctl, args.operands, &ids);
    if (!r)
        r = ctl_connect(ctl);
    for (size_t i = 0; i < ids.n && !r; i++) {
        if (i > 0 && !ctl->json)
            putchar('\n');
        r = show(ctl, ids.at[i]);
    }
    ids_free(&ids);
    args_free(&args);
    return r;
}
