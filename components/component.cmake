# mecha_component(<type> <name> [SOURCES ..] [TESTS ..] [DEPENDS ..] [VENDOR ..] [TEST_DEPENDS ..])
# A backend of this build: library mecha_<type>_<name> from <name>.cpp of the calling folder and SOURCES. The file defines
#   void mecha::<namespace>::register_<name>(Catalog&)      (namespace: the type; `secrets` for secretstores)
# and the daemon's catalogue calls it.
#
# mecha_module(<vendor> TYPES pubsub.kafka .. COMPONENTS pubsub/kafka .. [DEPENDS ..] [VENDOR ..])
# The same for a vendor whose library is costly: COMPONENTS are built by mecha_component(... MODULE <vendor>) into static
# libraries, joined here into mecha_<vendor>.so beside the daemon, and loaded when one of TYPES is first asked for.

function(mecha_component type name)
  cmake_parse_arguments(ARG "" "MODULE" "SOURCES;TESTS;DEPENDS;VENDOR;TEST_DEPENDS" ${ARGN})
  mecha_library(${type}_${name} SOURCES ${name}.cpp ${ARG_SOURCES} TESTS ${ARG_TESTS}
    DEPENDS mecha_catalog ${ARG_DEPENDS} VENDOR ${ARG_VENDOR} TEST_DEPENDS ${ARG_TEST_DEPENDS})
  if(NOT ARG_MODULE)
    set_property(GLOBAL APPEND PROPERTY MECHA_COMPONENTS ${type}/${name})
  endif()
endfunction()

# The lines that declare and call the register functions of `components`.
function(mecha_register_lines components declarations calls)
  set(declared "")
  set(called "")
  foreach(component IN LISTS components)
    string(REPLACE "/" ";" parts ${component})
    list(GET parts 0 type)
    list(GET parts 1 name)
    string(REPLACE "secretstores" "secrets" space ${type})
    string(APPEND declared "namespace mecha::${space} { void register_${name}(Catalog& catalog); }\n")
    string(APPEND called "  mecha::${space}::register_${name}(catalog);\n")
  endforeach()
  set(${declarations} "${declared}" PARENT_SCOPE)
  set(${calls} "${called}" PARENT_SCOPE)
endfunction()

function(mecha_module vendor)
  cmake_parse_arguments(ARG "" "" "TYPES;COMPONENTS;DEPENDS;VENDOR" ${ARGN})
  mecha_register_lines("${ARG_COMPONENTS}" declarations calls)
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/module_${vendor}.cpp @ONLY CONTENT
"// Made from the build lists: the door of the module @vendor@.
#include \"components/catalog.hpp\"

@declarations@
extern \"C\" void mecha_register_module(mecha::Catalog& catalog) {
@calls@}
")
  add_library(mecha_${vendor}_module MODULE ${CMAKE_CURRENT_BINARY_DIR}/module_${vendor}.cpp)
  set_target_properties(mecha_${vendor}_module PROPERTIES PREFIX "" OUTPUT_NAME mecha_${vendor})
  string(REPLACE "/" "_" libraries "${ARG_COMPONENTS}")
  list(TRANSFORM libraries PREPEND mecha_)
  target_link_libraries(mecha_${vendor}_module PRIVATE mecha_flags ${libraries} ${ARG_DEPENDS} ${ARG_VENDOR})
  foreach(type IN LISTS ARG_TYPES)
    set_property(GLOBAL APPEND PROPERTY MECHA_MODULES ${type}/${vendor})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY MECHA_MODULE_TARGETS mecha_${vendor}_module)
  install(TARGETS mecha_${vendor}_module LIBRARY DESTINATION lib/mecha COMPONENT modules)
endfunction()

# The library mecha_components: void mecha::register_builtin(Catalog&), see components/builtin.hpp.
function(mecha_builtin_components)
  get_property(components GLOBAL PROPERTY MECHA_COMPONENTS)
  get_property(modules GLOBAL PROPERTY MECHA_MODULES)
  mecha_register_lines("${components}" declarations calls)
  foreach(module IN LISTS modules)
    string(REPLACE "/" ";" parts ${module})
    list(GET parts 0 type)
    list(GET parts 1 vendor)
    string(APPEND calls "  catalog.add_module(\"${type}\", \"${vendor}\");\n")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/builtin.cpp @ONLY CONTENT
"// Made from the build lists: the components of this build.
#include \"components/builtin.hpp\"
#include \"components/catalog.hpp\"
@declarations@
void mecha::register_builtin([[maybe_unused]] Catalog& catalog) {
@calls@}
")
  string(REPLACE "/" "_" libraries "${components}")
  list(TRANSFORM libraries PREPEND mecha_)
  add_library(mecha_components STATIC ${CMAKE_CURRENT_BINARY_DIR}/builtin.cpp)
  target_link_libraries(mecha_components PUBLIC mecha_catalog ${libraries})
  get_property(module_targets GLOBAL PROPERTY MECHA_MODULE_TARGETS)
  if(module_targets)
    add_dependencies(mecha_components ${module_targets})
  endif()
endfunction()

# Gives the modules what they share with the program that loads them: whatever both define or the modules ask for is exported,
# so that one copy is used by all, and nothing else, so that the linker can drop what the program does not use.
function(mecha_loads_modules program)
  get_property(targets GLOBAL PROPERTY MECHA_MODULE_TARGETS)
  if(NOT targets)
    return()
  endif()
  set(list ${CMAKE_BINARY_DIR}/module_symbols.list)
  if(NOT TARGET mecha_module_symbols)
    list(TRANSFORM targets REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE files)
    add_custom_command(OUTPUT ${list}
      COMMAND ${CMAKE_COMMAND} -D NM=${CMAKE_NM} -D OUTPUT=${list} "-D MODULES=$<JOIN:${files},$<SEMICOLON>>"
        -P ${CMAKE_SOURCE_DIR}/cmake/module_symbols.cmake
      DEPENDS ${targets} ${CMAKE_SOURCE_DIR}/cmake/module_symbols.cmake VERBATIM)
    add_custom_target(mecha_module_symbols DEPENDS ${list})
  endif()
  add_dependencies(${program} mecha_module_symbols)
  set_property(TARGET ${program} APPEND PROPERTY LINK_DEPENDS ${list})
  target_link_options(${program} PRIVATE -Wl,--dynamic-list=${list})
endfunction()
