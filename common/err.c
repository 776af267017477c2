// Names and texts of errors and states, from the one table in jobd/types.h.
#include <jobd/types.h>

const char *jobd_strerror(int err) {
    switch (err) {
    case JOBD_OK:
        return "success";
#define X(name, value, text)                                                                       \
    case JOBD_E_##name:                                                                            \
        return text;
        JOBD_ERROR_MAP(X)
#undef X
    default:
        return "unknown error";
    }
}

const char *jobd_errname(int err) {
    switch (err) {
    case JOBD_OK:
        return "JOBD_OK";
#define X(name, value, text)                                                                       \
    case JOBD_E_##name:                                                                            \
        return "JOBD_E_" #name;
        JOBD_ERROR_MAP(X)
#undef X
    default:
        return "JOBD_E_?";
    }
}

const char *jobd_job_state_name(int state) {
    switch (state) {
#define X(name, value, text)                                                                       \
    case JOBD_JOB_##name:                                                                          \
        return text;
        JOBD_JOB_STATE_MAP(X)
#undef X
    default:
        return "unknown";
    }
}
