// The functions that can be integrated by name: those of libm with one double in and one out.
#ifndef JD_KERNELS_INTEGRANDS_H
#define JD_KERNELS_INTEGRANDS_H

#include <jobd/types.h>

typedef double jd_function(double x); // pure; any thread, also in parallel

struct jd_integrand {
    const char *name;
    jd_function *f;
};

// The table, for help texts: entry i, or NULL from the end on.
const struct jd_integrand *jd_integrand_at(size_t i);
// NULL = no such name.
const struct jd_integrand *jd_integrand_find(jobd_bytes name);
// The name closest to an unknown one, or NULL; see suggest.h.
const char *jd_integrand_suggest(jobd_bytes name);

#endif
