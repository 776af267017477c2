# What `cmake --install` puts where, and how programs outside find it: jobd.pc for pkg-config,
# find_package(jobd) for CMake with jobd::jobd (shared), jobd::static, and jobd::value for plugins.
include(CMakePackageConfigHelpers)

set(JOBD_LIBEXEC ${CMAKE_INSTALL_LIBEXECDIR}/jobd)
set(JOBD_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/jobd)
target_compile_definitions(jobd PRIVATE
  JOBD_LIBEXEC_DIR="${CMAKE_INSTALL_FULL_LIBEXECDIR}/jobd")

set_target_properties(libjobd_shared PROPERTIES EXPORT_NAME jobd)
set_target_properties(libjobd_static PROPERTIES EXPORT_NAME static)
# What a plugin links: the archive alone, with the installed headers.
set_target_properties(jobd_value PROPERTIES EXPORT_NAME value INTERFACE_LINK_LIBRARIES ""
  INTERFACE_INCLUDE_DIRECTORIES
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/common/include>;$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")

# ---- programs, libraries, headers ----

install(TARGETS jobd jobctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS jobd-worker RUNTIME DESTINATION ${JOBD_LIBEXEC})
install(TARGETS libjobd_shared libjobd_static jobd_value EXPORT jobdTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES common/include/jobd/types.h common/include/jobd/task.h
  client/include/jobd/jobd.h client/include/jobd/uv.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/jobd)

# ---- how others find them; every path is relative, so that the tree can be moved ----

install(EXPORT jobdTargets NAMESPACE jobd:: DESTINATION ${JOBD_CMAKE_DIR})
configure_package_config_file(config/jobdConfig.cmake.in ${PROJECT_BINARY_DIR}/jobdConfig.cmake
  INSTALL_DESTINATION ${JOBD_CMAKE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/jobdConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/jobdConfig.cmake ${PROJECT_BINARY_DIR}/jobdConfigVersion.cmake
  DESTINATION ${JOBD_CMAKE_DIR})

file(RELATIVE_PATH JOBD_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(config/jobd.pc.in ${PROJECT_BINARY_DIR}/jobd.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/jobd.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# ---- manuals, sample configuration, unit of systemd ----

foreach(section 1 5 8)
  file(GLOB pages CONFIGURE_DEPENDS config/man/*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
file(GLOB samples CONFIGURE_DEPENDS config/jobd.conf)
install(FILES ${samples} common/PROTOCOL.md README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
configure_file(config/jobd.service ${PROJECT_BINARY_DIR}/jobd.service @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/jobd.service DESTINATION lib/systemd/system)
