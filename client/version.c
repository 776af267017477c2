#include <jobd/jobd.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

uint32_t jobd_version(void) {
    return JOBD_VERSION_NUMBER;
}

const char *jobd_version_string(void) {
    return TEXT(JOBD_VERSION_MAJOR) "." TEXT(JOBD_VERSION_MINOR) "." TEXT(JOBD_VERSION_PATCH);
}

int jobd_check_version_of(uint32_t header_version) {
    if (header_version >> 16 != JOBD_VERSION_MAJOR || header_version > JOBD_VERSION_NUMBER)
        return JOBD_E_VERSION;
    return 0;
}
