// Functions in block form at every level this CPU has, point by point against long double.
#include <criterion/criterion.h>
#include <float.h>
#include <string.h>

#include "kernels_reference.h"
#include "msg.h"
#include "rng.h"

static struct rng rng;

static double random_unit(void) {
    return (double)(rng_u64(&rng) >> 11) / 0x1p53;
}

// Near 1, near 10, any size, any bits at all.
static double random_point(uint64_t kind) {
    double x;
    switch (kind) {
    case 0:
        return 2 * random_unit() - 1;
    case 1:
        return 20 * random_unit() - 10;
    case 2:
        return ldexp(2 * random_unit() - 1, (int)rng_below(&rng, 60) - 30);
    default:
        memcpy(&x, &(uint64_t){rng_u64(&rng)}, sizeof x);
        return x;
    }
}

static const double special[] = {
    0.0,    -0.0,     1.0,   -1.0,      0x1p-1074, -0x1p-1074, DBL_MIN,  -DBL_MIN, DBL_MAX, 1e300,
    -1e300, INFINITY, NAN,   -708.0,    -708.0001, 709.0,      709.0001, 709.79,   -745.0,  -746.0,
    0x1p27, 1.5e8,    -1e22, -INFINITY, 0.5,       2.0,        0x1p52,   -0.999,   M_PI_2,  M_PI};

static void expect_good(const struct jd_integrand *f, enum jd_isa isa, double x, double y) {
    bool ours = reference_hows[f->id] == REFERENCE_POLY && isa != JD_ISA_BASELINE;
    unsigned c = ours ? 3 : f->fast_error;
    long double want = reference_at(f, x);
    if (isnan((double)want))
        cr_assert(isnan(y), "%s %s(%a) = %a, not NaN", jd_isa_name(isa), f->name, x, y);
    else if (isinf((double)want))
        cr_assert(y == (double)want, "%s %s(%a) = %a", jd_isa_name(isa), f->name, x, y);
    else
        cr_assert(fabsl(y - want) <= c * 0x1p-53L * fabsl(want) + 2 * 0x1p-1074L,
                  "%s %s(%a) = %a, not %La", jd_isa_name(isa), f->name, x, y, want);
}

static void check_points(const struct jd_integrand *f, enum jd_isa isa, const double *x, size_t n) {
    double y[JD_BLOCK];
    jd_fast_block(f, isa)(NULL, x, y, n);
    for (size_t i = 0; i < n; i++)
        expect_good(f, isa, x[i], y[i]);
}

static void check_level(const struct jd_integrand *f, enum jd_isa isa, unsigned n_rounds) {
    double x[JD_BLOCK];
    check_points(f, isa, special, JD_LEN(special));
    for (unsigned round = 0; round < n_rounds; round++) {
        size_t n = 1 + rng_below(&rng, JD_BLOCK);
        for (size_t i = 0; i < n; i++)
            x[i] = random_point(round % 4);
        check_points(f, isa, x, n);
    }
}

Test(block, every_function_is_as_good_as_stated_everywhere) {
    rng = rng_begin("kernels_block");
    const struct jd_integrand *f;
    for (size_t i = 0; (f = jd_integrand_at(i)); i++)
        for (int isa = 0; isa < JD_ISAS; isa++)
            if (jd_isa_available((enum jd_isa)isa))
                check_level(f, (enum jd_isa)isa, 40);
}

// Where the distance to a multiple of pi/2 is smallest for its size, reduction is hardest.
Test(block, sin_and_cos_near_their_zeros) {
    rng = rng_begin("kernels_block");
    double x[JD_BLOCK];
    for (unsigned round = 0; round < 200; round++) {
        for (size_t i = 0; i < JD_BLOCK; i++) {
            long double k = (long double)(rng_u64(&rng) >> (38 + rng_below(&rng, 26)));
            x[i] = (double)(k * (long double)M_PI_2 + k * 6.123233995736766036e-17L);
        }
        check_points(jd_integrand_find(jd_text("sin")), jd_isa_best(), x, JD_BLOCK);
        check_points(jd_integrand_find(jd_text("cos")), jd_isa_best(), x, JD_BLOCK);
    }
}

// Points beside one that needs libm are computed as if it were not there; y may be x.
Test(block, a_point_does_not_depend_on_its_neighbours) {
    rng = rng_begin("kernels_block");
    const struct jd_integrand *f;
    for (size_t k = 0; (f = jd_integrand_at(k)); k++) {
        jd_block_fn *block = jd_fast_block(f, jd_isa_best());
        double x[JD_BLOCK], y[JD_BLOCK], one;
        for (size_t i = 0; i < JD_BLOCK; i++)
            x[i] = random_point(rng_below(&rng, 4));
        block(NULL, x, y, JD_BLOCK);
        for (size_t i = 0; i < JD_BLOCK; i++) {
            block(NULL, &x[i], &one, 1);
            cr_assert(memcmp(&one, &y[i], sizeof one) == 0 || (isnan(one) && isnan(y[i])),
                      "%s(%a) is %a alone and %a among others", f->name, x[i], one, y[i]);
        }
        block(NULL, x, x, JD_BLOCK);
        for (size_t i = 0; i < JD_BLOCK; i++)
            cr_assert(x[i] == y[i] || (isnan(x[i]) && isnan(y[i])), "%s in place", f->name);
    }
}

Test(block, writes_what_it_was_asked_for_and_no_more) {
    const struct jd_integrand *f;
    double x[JD_BLOCK], y[JD_BLOCK + 1];
    for (size_t i = 0; i < JD_BLOCK; i++)
        x[i] = 0.25;
    for (size_t k = 0; (f = jd_integrand_at(k)); k++)
        for (size_t n = 0; n <= 17; n++) {
            y[n] = 42.0;
            jd_fast_block(f, jd_isa_best())(NULL, x, y, n);
            cr_assert(y[n] == 42.0, "%s of %zu points", f->name, n);
        }
}
