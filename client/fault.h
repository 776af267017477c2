// Error texts: how a jobd_error is filled in, and the compact form in which futures keep theirs.
#ifndef JD_FAULT_H
#define JD_FAULT_H

#include <stdarg.h>

#include <jobd/types.h>

#include "guard.h"

// Fills in code and message, fit to print: no control characters, whole UTF-8 characters only.
// NULL is allowed. Returns code.
int jd_error_set(jobd_error *e, int code, const char *format, ...) JD_PRINTF(3, 4);
int jd_error_set_args(jobd_error *e, int code, const char *format, va_list args) JD_PRINTF(3, 0);
// The same for a failed system call: JOBD_E_SYS, and "what: why".
int jd_error_set_errno(jobd_error *e, int sys_errno, const char *what);

// Copies a peer's text up to its first NUL and ends it, fit to print in the same way; room is at
// least
// 1. Returns the bytes used, NUL included.
size_t jd_text_copy(char *at, size_t room, jobd_bytes from);

// The words of an error, shared by all futures that ended with it.
struct jd_fault {
    uint32_t n_refs;
    uint32_t message_at; // offset of the message in text
    char text[];         // name, NUL, message, NUL
};

// One reference, owned; NULL = out of memory. Longer texts are cut to what a jobd_error holds.
JD_MUST_USE struct jd_fault *jd_fault_new(jobd_bytes name, jobd_bytes message);
// Room for any message, to be filled in when memory may be out.
JD_MUST_USE struct jd_fault *jd_fault_reserve(void);
void jd_fault_fill(struct jd_fault *fault, const char *message);
struct jd_fault *jd_fault_ref(struct jd_fault *fault);
void jd_fault_unref(struct jd_fault *fault); // NULL is allowed
static inline const char *jd_fault_message(const struct jd_fault *fault) {
    return fault->text + fault->message_at;
}
// fault = NULL: the general text of the code.
void jd_fault_show(const struct jd_fault *fault, int code, jobd_error *ret);

#endif
