#include "outcome.h"

#include "json.h"
#include "print.h"

// A bare number that JSON has no word for.
static bool is_odd_number(jobd_bytes value, double *ret) {
    jobd_reader r = jobd_reader_of(value);
    return jobd_read_type(&r) == JOBD_T_FLOAT && jobd_read_f64(&r, ret) == 0 && (*ret - *ret) != 0;
}

int outcome_print_value(jobd_bytes bytes) {
    double odd;
    char text[CTL_DOUBLE_MAX];
    if (is_odd_number(bytes, &odd)) {
        ctl_double_text(odd, text);
        puts(text);
        return 0;
    }
    json_t *value;
    int r = ctl_json_of(bytes, &value);
    if (r)
        return r;
    ctl_json_write(stdout, value);
    putchar('\n');
    json_decref(value);
    return 0;
}

int outcome_set_value(json_t *object, jobd_bytes bytes) {
    double odd;
    if (is_odd_number(bytes, &odd))
        return ctl_json_set_double(object, odd);
    json_t *value;
    int r = ctl_json_of(bytes, &value);
    if (!r && json_object_set_new(object, "value", value))
        r = JOBD_E_NOMEM;
    return r;
}

static int print_json(struct ctl *ctl, jobd_future *f, jobd_bytes value) {
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    json_t *o = json_pack("{s:s, s:I, s:I, s:f}", "state", jobd_job_state_name(info.state), "job",
                          (json_int_t)info.job_id, "pid", (json_int_t)info.worker_pid, "seconds",
                          (double)info.run_ns / 1e9);
    int r = o ? outcome_set_value(o, value) : JOBD_E_NOMEM;
    if (!r)
        return ctl_print_json(ctl, o);
    json_decref(o);
    return ctl_fail_call(ctl, r, "read the result");
}

int outcome_print(struct ctl *ctl, jobd_future *f) {
    jobd_bytes value;
    if (jobd_future_result(f, 0, &value) < 0)
        return ctl_fail_job(ctl, f, "job", NULL);
    if (ctl->json)
        return print_json(ctl, f, value);
    int r = outcome_print_value(value);
    return r ? ctl_fail_call(ctl, r, "read the result") : CTL_DONE;
}
