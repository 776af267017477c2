// A plugin with a function that has the name of one of the plugin curves.
#include <jobd/task.h>

static double one(double x) {
    return x == x;
}

static const jobd_integrand_def functions[] = {{"curves.bump", one, NULL, "1"}};

static const jobd_integrand_module module = JOBD_INTEGRAND_MODULE(functions);

const jobd_integrand_module *jobd_integrands_v1(void) {
    return &module;
}
