// Values between msgpack, as jobs carry them, and JSON, as people and scripts write them.
//
//     msgpack                          JSON
//     nil, bool, str, array, map       the same; a key that is no text becomes its JSON text
//     int                              a number; above 2^63 - 1 {"$u64": "18446744073709551615"}
//     float                            a number with a point or exponent; null if not finite
//     bin, and str that is no UTF-8    {"$bin": "base 64"}
//
// Both directions know the $ forms, so a result can be the argument of the next job.
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <jansson.h>
#include <stdio.h>

#include <jobd/types.h>

enum { CTL_JSON_DEPTH_MAX = 64 };

// All of bytes as one value, new; no bytes are null.
// 0 | JOBD_E_PROTO (not one value, or nested too deep) | JOBD_E_NOMEM.
int ctl_json_of(jobd_bytes bytes, json_t **ret);
// Append v to a builder. 0 | JOBD_E_INVAL (bad "$bin" or "$u64") | what jobd_args_*() returns.
int ctl_json_build(const json_t *v, jobd_args *a);

// One line without its end; real numbers in 17 digits.
void ctl_json_write(FILE *out, const json_t *v);
// {"value": x}, or {"value": null, "value_text": "nan"} if x is a number JSON has no word for.
// 0 | JOBD_E_NOMEM.
int ctl_json_set_double(json_t *object, double x);

#endif
