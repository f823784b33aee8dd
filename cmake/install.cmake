# SPDX-License-Identifier: Apache-2.0
include(CMakePackageConfigHelpers)
foreach(target IN LISTS nibble_targets)
  install(TARGETS ${target} EXPORT nibbleTargets
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILE_SET fragments DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endforeach()
set(nibble_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/nibble)
install(EXPORT nibbleTargets NAMESPACE nibble:: DESTINATION ${nibble_package_dir})
configure_package_config_file(cmake/nibbleConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/nibbleConfig.cmake
  INSTALL_DESTINATION ${nibble_package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/nibbleConfigVersion.cmake
  COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/nibbleConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/nibbleConfigVersion.cmake
  DESTINATION ${nibble_package_dir})
