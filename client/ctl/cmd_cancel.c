// jobctl cancel: jobs that have not begun, by their ids.
#include <inttypes.h>

#include "ctl.h"
#include "ids.h"

static const struct ctl_syntax syntax = {
    .argp = {.args_doc = "ID...",
             .doc = "Cancel jobs that have not begun. A job that runs goes on, and makes the exit "
                    "code 1; \"jobctl kill\" stops it.\n\n"
                    "  jobctl cancel 12\n"
                    "  jobctl cancel 3-9 12,14\n"
                    "  jobctl list -s queued --json | jq .job | jobctl cancel -\n"},
    .n_least = 1,
    .n_most = CTL_MANY,
};

static int show(struct ctl *ctl, uint64_t id, bool cancelled) {
    if (ctl->json)
        return ctl_print_json(
            ctl, json_pack("{s:I, s:b}", "job", (json_int_t)id, "cancelled", (int)cancelled));
    if (cancelled)
        printf("job %" PRIu64 " is cancelled\n", id);
    else
        printf("job %" PRIu64 " is not cancelled: it runs, has ended, or is none\n", id);
    return CTL_DONE;
}

static int cancel(struct ctl *ctl, const struct ids *ids) {
    bool all = true;
    for (size_t i = 0; i < ids->n; i++) {
        int n = jobd_job_cancel(ctl->conn, ids->at[i], CTL_ANSWER_MS);
        if (n < 0)
            return ctl_fail_call(ctl, n, "cancel a job");
        int r = show(ctl, ids->at[i], n > 0);
        if (r)
            return r;
        all &= n > 0;
    }
    return all ? CTL_DONE : CTL_JOB_FAILED;
}

int cmd_cancel(struct ctl *ctl, char **argv) {
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, NULL, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    struct ids ids;
    r = ids_read(ctl, args.operands, &ids);
    if (!r)
        r = ctl_connect(ctl);
    if (!r)
        r = cancel(ctl, &ids);
    ids_free(&ids);
    args_free(&args);
    return r;
}
