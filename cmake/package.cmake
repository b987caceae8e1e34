# Debian packages by CPack: `cmake --build build/release --target package` writes build/release/packages/*.deb. One package for each
# install component: mechad (the daemon), mechad-modules (vendor libraries, loaded on first use), mecha (the command line). What they
# depend on is read from their link tables by dpkg-shlibdeps. The SDK is a project of its own and makes libmecha-dev.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mecha)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_PACKAGE_CONTACT "The Mecha authors <mecha@localhost>")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# The list is explicit, so that files installed by a third project of the build cannot slip into a package.
set(CPACK_COMPONENTS_ALL mechad modules)

set(CPACK_DEBIAN_MECHAD_PACKAGE_NAME mechad)
set(CPACK_DEBIAN_MECHAD_PACKAGE_RECOMMENDS mechad-modules)
set(CPACK_DEBIAN_MECHAD_PACKAGE_CONTROL_EXTRA
  "${CMAKE_SOURCE_DIR}/packaging/debian/postinst;${CMAKE_SOURCE_DIR}/packaging/debian/prerm;${CMAKE_SOURCE_DIR}/packaging/debian/postrm")
set(CPACK_COMPONENT_MECHAD_DESCRIPTION
  "Multi-runtime sidecar\n Service invocation, state, publish and subscribe, bindings, secrets, configuration, locks and cryptography\n for an application, over HTTP and gRPC on localhost.")

set(CPACK_DEBIAN_MODULES_PACKAGE_NAME mechad-modules)
set(CPACK_DEBIAN_MODULES_PACKAGE_DEPENDS "mechad (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_MODULES_DESCRIPTION
  "Components of the sidecar mechad that bring a vendor's library\n Each is loaded when a component of its type is named, and costs nothing before.")

if(TARGET mecha)
  list(APPEND CPACK_COMPONENTS_ALL mecha)
  set(CPACK_DEBIAN_MECHA_PACKAGE_NAME mecha)
  set(CPACK_DEBIAN_MECHA_PACKAGE_DEPENDS "mechad (= ${PROJECT_VERSION})")
  set(CPACK_COMPONENT_MECHA_DESCRIPTION
    "Command line of the sidecar mechad\n Runs applications with their sidecars, checks resources, and tells what is there.")
endif()

include(CPack)
