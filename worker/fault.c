#include "fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fault_set(jobd_error *reterr, int code, const char *fmt, ...) {
    if (!reterr)
        return code;
    *reterr = (jobd_error){.code = code};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reterr->message, sizeof reterr->message, fmt, ap);
    va_end(ap);
    return code;
}

int fault_sys(jobd_error *reterr, const char *what) {
    int err = errno;
    fault_set(reterr, JOBD_E_SYS, "%s: %s", what, strerror(err));
    if (reterr)
        reterr->sys_errno = err;
    return JOBD_E_SYS;
}
