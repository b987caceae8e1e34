# The three shapes of target. Sources are always listed, never globbed; libraries of others are linked PRIVATE.

# mecha_library(name SOURCES a.cpp ... [TESTS a_test.cpp ...] [DEPENDS mecha_base ...] [VENDOR PkgConfig::x ...])
# makes the static library mecha_<name> and, from TESTS, the Catch2 program mecha_<name>_test run by ctest.
function(mecha_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;TESTS;DEPENDS;VENDOR;TEST_DEPENDS" ${ARGN})
  add_library(mecha_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(mecha_${name} PUBLIC mecha_flags ${ARG_DEPENDS} PRIVATE ${ARG_VENDOR})
  if(MECHA_TESTS AND ARG_TESTS)
    mecha_test(${name}_test SOURCES ${ARG_TESTS} DEPENDS mecha_${name} ${ARG_TEST_DEPENDS})
  endif()
endfunction()

# Servers that cases can need: one tagged [needs-<server>] runs where the variable MECHA_TEST_<SERVER> names one.
set(MECHA_TEST_SERVERS redis redis-cluster redis-sentinel redis-stack kafka rabbitmq mosquitto nats etcd memcached mysql postgres mongodb mongodb-set s3)
list(TRANSFORM MECHA_TEST_SERVERS REPLACE "(.+)" "~[needs-\\1]" OUTPUT_VARIABLE MECHA_NO_SERVERS)
list(JOIN MECHA_NO_SERVERS "" MECHA_NO_SERVERS)

# mecha_test(name SOURCES ... DEPENDS ...): a Catch2 program; cases tagged [needs-...] run only where asked for.
function(mecha_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;VENDOR" ${ARGN})
  add_executable(mecha_${name} ${ARG_SOURCES})
  target_link_libraries(mecha_${name} PRIVATE mecha_flags mecha_catch ${ARG_DEPENDS} ${ARG_VENDOR})
  set_target_properties(mecha_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND mecha_${name} "${MECHA_NO_SERVERS}~[.slow]")
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()

# mecha_fuzz(name SOURCES ... DEPENDS ...): a libFuzzer program, only in the fuzz preset.
function(mecha_fuzz name)
  if(NOT MECHA_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(fuzz_${name} ${ARG_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE mecha_flags ${ARG_DEPENDS})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
endfunction()

if(MECHA_TESTS)
  enable_testing()
  add_library(mecha_catch STATIC ${CMAKE_SOURCE_DIR}/tests/catch_main.cpp)
  target_link_libraries(mecha_catch PUBLIC mecha_flags)
endif()
