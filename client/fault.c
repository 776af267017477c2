#include "fault.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"

enum {
    NAME_BYTES = sizeof(((jobd_error *)0)->name),
    MESSAGE_BYTES = sizeof(((jobd_error *)0)->message),
};

// Texts come from daemons and tasks: what could upset a terminal becomes a space, and a character
// that was cut off at the end goes.
static void make_printable(char *s) {
    size_t n = strlen(s), last = n;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0x20 || c == 0x7f)
            s[i] = ' ';
    }
    while (last > 0 && n - last < 4 && ((unsigned char)s[last - 1] & 0xc0) == 0x80)
        last--;
    if (last == 0 || (unsigned char)s[last - 1] < 0xc0)
        return;
    unsigned char lead = (unsigned char)s[last - 1];
    size_t want = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (n - last < want)
        s[last - 1] = '\0';
}

int jd_error_set_args(jobd_error *e, int code, const char *format, va_list args) {
    if (!e)
        return code;
    jobd_error set = {.code = code};
    vsnprintf(set.message, sizeof set.message, format, args);
    make_printable(set.message);
    *e = set;
    return code;
}

int jd_error_set(jobd_error *e, int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    jd_error_set_args(e, code, format, args);
    va_end(args);
    return code;
}

int jd_error_set_errno(jobd_error *e, int sys_errno, const char *what) {
    char why[128];
    const char *text = strerror_r(sys_errno, why, sizeof why);
    jd_error_set(e, JOBD_E_SYS, "%s: %s", what, text);
    if (e)
        e->sys_errno = sys_errno;
    return JOBD_E_SYS;
}

size_t jd_text_copy(char *at, size_t room, jobd_bytes from) {
    size_t n = JD_MIN(from.len, room - 1);
    const void *nul = n ? memchr(from.data, '\0', n) : NULL;
    if (nul)
        n = (size_t)((const char *)nul - (const char *)from.data);
    if (n)
        memcpy(at, from.data, n);
    at[n] = '\0';
    make_printable(at);
    return strlen(at) + 1;
}

struct jd_fault *jd_fault_new(jobd_bytes name, jobd_bytes message) {
    size_t name_bytes = JD_MIN(name.len + 1, (size_t)NAME_BYTES);
    size_t message_bytes = JD_MIN(message.len + 1, (size_t)MESSAGE_BYTES);
    struct jd_fault *fault = jd_alloc(sizeof *fault + name_bytes + message_bytes);
    if (!fault)
        return NULL;
    fault->n_refs = 1;
    fault->message_at = (uint32_t)jd_text_copy(fault->text, name_bytes, name);
    jd_text_copy(fault->text + fault->message_at, message_bytes, message);
    return fault;
}

struct jd_fault *jd_fault_reserve(void) {
    struct jd_fault *fault = jd_zalloc(sizeof *fault + 1 + MESSAGE_BYTES);
    if (fault)
        *fault = (struct jd_fault){.n_refs = 1, .message_at = 1};
    return fault;
}

void jd_fault_fill(struct jd_fault *fault, const char *message) {
    jd_text_copy(fault->text + 1, MESSAGE_BYTES, (jobd_bytes){message, strlen(message)});
}

struct jd_fault *jd_fault_ref(struct jd_fault *fault) {
    fault->n_refs++;
    return fault;
}

void jd_fault_unref(struct jd_fault *fault) {
    if (fault && --fault->n_refs == 0)
        jd_free(fault);
}

void jd_fault_show(const struct jd_fault *fault, int code, jobd_error *ret) {
    *ret = (jobd_error){.code = code};
    const char *name = fault ? fault->text : "";
    const char *message = fault ? jd_fault_message(fault) : "";
    snprintf(ret->name, sizeof ret->name, "%s", name);
    snprintf(ret->message, sizeof ret->message, "%s", *message ? message : jobd_strerror(code));
}
