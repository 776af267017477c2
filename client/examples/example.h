// What every page needs besides its subject: a connection, packed arguments, and a way to give up.
// A program of your own would tell its user and go on.
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <jobd/jobd.h>

// Returns r, unless it is an error.
static inline int must(int r, const char *what) {
    if (r >= 0)
        return r;
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", what, jobd_strerror(r));
    exit(1);
}

// The daemon of $JOBD_SOCKET, or the one that everybody uses.
static inline jobd_conn *connect_to_jobd(void) {
    jobd_conn *conn;
    jobd_error why;
    if (jobd_connect(NULL, NULL, &conn, &why) == 0)
        return conn;
    fprintf(stderr, "%s\n", why.message);
    exit(1);
}

// The arguments of a call. kinds names them, one letter each: i int64_t, f double, s const char *.
// A view until the builder is used again.
static inline jobd_bytes pack(jobd_args *a, const char *kinds, ...) {
    jobd_bytes packed = {0};
    uint32_t n = 0;
    va_list values;
    while (kinds[n])
        n++;
    jobd_args_reset(a);
    jobd_args_array(a, n);
    va_start(values, kinds);
    for (; *kinds; kinds++) {
        if (*kinds == 'i')
            jobd_args_i64(a, va_arg(values, int64_t));
        else if (*kinds == 'f')
            jobd_args_f64(a, va_arg(values, double));
        else
            jobd_args_str(a, va_arg(values, const char *));
    }
    va_end(values);
    must(jobd_args_finish(a, &packed), "pack");
    return packed;
}

// The number a task has returned, or 0 if it is none.
static inline double number(jobd_bytes value) {
    jobd_reader r = jobd_reader_of(value);
    double x = 0;
    jobd_read_f64(&r, &x);
    return x;
}

#endif
