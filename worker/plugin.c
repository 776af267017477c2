#include "plugin.h"

#include <dlfcn.h>
#include <string.h>

#include "confine.h"
#include "fault.h"

typedef const jobd_task_module *module_fn(void);
typedef const jobd_integrand_module *integrands_fn(void);

struct entries {
    module_fn *module;
    integrands_fn *integrands;
};

// ISO C knows no conversion from an object pointer to a function pointer; POSIX promises the bytes.
static struct entries entries_of(void *handle) {
    void *module = dlsym(handle, "jobd_task_module_v1");
    void *integrands = dlsym(handle, "jobd_integrands_v1");
    struct entries e;
    memcpy(&e.module, &module, sizeof module);
    memcpy(&e.integrands, &integrands, sizeof integrands);
    return e;
}

static int add_tasks(struct registry *r, module_fn *entry, jobd_error *reterr) {
    const jobd_task_module *module = entry();
    if (!module)
        return fault_set(reterr, JOBD_E_NOTSUP, "jobd_task_module_v1() says it cannot work here");
    return registry_add(r, module, reterr);
}

static int add_integrands(struct registry *r, integrands_fn *entry, jobd_error *reterr) {
    const jobd_integrand_module *module = entry();
    if (!module)
        return fault_set(reterr, JOBD_E_NOTSUP, "jobd_integrands_v1() says it cannot work here");
    return registry_add_integrands(r, module, reterr);
}

static int load(struct registry *r, const char *path, jobd_error *reterr) {
    // Without a slash dlopen() would search the system's library directories.
    if (!strchr(path, '/'))
        return fault_set(reterr, JOBD_E_INVAL, "give the plugin's path with a slash: ./%s", path);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return fault_set(reterr, JOBD_E_NOENT, "cannot be loaded: %s", dlerror());
    if (!confine_denormals_kept())
        return fault_set(reterr, JOBD_E_NOTSUP,
                         "loading it switched denormal numbers off for every task of the process: "
                         "link it without -ffast-math");
    struct entries entries = entries_of(handle);
    if (!entries.module && !entries.integrands)
        return fault_set(reterr, JOBD_E_NOTSUP,
                         "is not a task plugin: it exports neither jobd_task_module_v1() nor "
                         "jobd_integrands_v1()");
    int e = entries.module ? add_tasks(r, entries.module, reterr) : 0;
    return e == 0 && entries.integrands ? add_integrands(r, entries.integrands, reterr) : e;
}

int plugin_load(struct registry *r, const char *path, jobd_error *reterr) {
    jobd_error why = {0};
    int e = load(r, path, &why);
    return e < 0 ? fault_set(reterr, e, "plugin %s: %s", path, why.message) : 0;
}
