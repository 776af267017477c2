# One interface target carries the warnings, so that no room can forget them.
add_library(jobd_warnings INTERFACE)
target_compile_options(jobd_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion
  -Wno-sign-conversion -Wvla -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings
  -fno-omit-frame-pointer -fno-common)
if(JOBD_WERROR)
  target_compile_options(jobd_warnings INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT JOBD_SANITIZE)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection)
  add_compile_definitions(_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
endif()
