// A plugin of functions alone: in both forms, as points, and as blocks.
#include <jobd/task.h>

static double bump(double x) {
    return x * (1 - x);
}

static void bump_block(const double *x, double *y, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = bump(x[i]);
}

// What no expression can say.
static double collatz(double x) {
    unsigned n = 0;
    for (unsigned long k = (unsigned long)x + 1; k != 1; n++)
        k = k % 2 ? 3 * k + 1 : k / 2;
    return n;
}

static const jobd_integrand_def functions[] = {
    {"curves.bump", bump, bump_block, "x * (1 - x)"},
    {"curves.bump_block", NULL, bump_block, "the same, as blocks only"},
    {"curves.collatz", collatz, NULL, "steps of x + 1, a whole number, to 1"},
};

static const jobd_integrand_module module = JOBD_INTEGRAND_MODULE(functions);

const jobd_integrand_module *jobd_integrands_v1(void) {
    return &module;
}
