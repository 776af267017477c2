#include "plugin.h"

#include <dlfcn.h>
#include <string.h>

#include "confine.h"
#include "fault.h"

typedef const jobd_task_module *module_fn(void);

// ISO C knows no conversion from an object pointer to a function pointer; POSIX promises the bytes.
static module_fn *entry_of(void *handle) {
    void *symbol = dlsym(handle, "jobd_task_module_v1");
    module_fn *entry;
    memcpy(&entry, &symbol, sizeof entry);
    return entry;
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
    module_fn *entry = entry_of(handle);
    if (!entry)
        return fault_set(reterr, JOBD_E_NOTSUP,
                         "is not a task plugin: it exports no jobd_task_module_v1()");
    const jobd_task_module *module = entry();
    if (!module)
        return fault_set(reterr, JOBD_E_NOTSUP, "jobd_task_module_v1() says it cannot work here");
    return registry_add(r, module, reterr);
}

int plugin_load(struct registry *r, const char *path, jobd_error *reterr) {
    jobd_error why = {0};
    int e = load(r, path, &why);
    return e < 0 ? fault_set(reterr, e, "plugin %s: %s", path, why.message) : 0;
}
