#include "kernels/integrands.h"

#include <math.h>
#include <string.h>

#include "guard.h"
#include "suggest.h"

// lgamma() writes the global signgam, which is a race in a pool of threads.
static double lgamma_pure(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

#define LIBM(f)                                                                                    \
    { #f, f }

static const struct jd_integrand table[] = {
    LIBM(sin),   LIBM(cos),   LIBM(tan),   LIBM(asin),  LIBM(acos),   LIBM(atan),
    LIBM(sinh),  LIBM(cosh),  LIBM(tanh),  LIBM(asinh), LIBM(acosh),  LIBM(atanh),
    LIBM(exp),   LIBM(exp2),  LIBM(expm1), LIBM(log),   LIBM(log2),   LIBM(log10),
    LIBM(log1p), LIBM(logb),  LIBM(sqrt),  LIBM(cbrt),  LIBM(fabs),   LIBM(floor),
    LIBM(ceil),  LIBM(trunc), LIBM(round), LIBM(rint),  LIBM(erf),    LIBM(erfc),
    LIBM(j0),    LIBM(j1),    LIBM(y0),    LIBM(y1),    LIBM(tgamma), {"lgamma", lgamma_pure},
};

const struct jd_integrand *jd_integrand_at(size_t i) {
    return i < JD_LEN(table) ? &table[i] : NULL;
}

const struct jd_integrand *jd_integrand_find(jobd_bytes name) {
    for (size_t i = 0; i < JD_LEN(table); i++)
        if (strlen(table[i].name) == name.len && memcmp(table[i].name, name.data, name.len) == 0)
            return &table[i];
    return NULL;
}

const char *jd_integrand_suggest(jobd_bytes name) {
    struct jd_suggestion s = jd_suggestion_of(name);
    for (size_t i = 0; i < JD_LEN(table); i++)
        jd_suggestion_offer(&s, (jobd_bytes){table[i].name, strlen(table[i].name)});
    return s.best.data;
}
