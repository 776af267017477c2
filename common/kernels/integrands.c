#include "kernels/integrands.h"

#include <math.h>
#include <string.h>

#include "guard.h"
#include "suggest.h"

static const struct jd_integrand table[] = {
#define X(name, f, how, c) {#name, f, JD_INTEGRAND_##name, c},
    JD_INTEGRAND_MAP(X)
#undef X
};

double jd_lgamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

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
