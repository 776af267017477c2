#include <jobd/jobd.h>
uint32_t jobd_version(void) { return JOBD_VERSION_NUMBER; }
