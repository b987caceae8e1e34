# Flags that every target of ours shares. Warnings are errors.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

# Dev: quick to compile, steps well. Release: what is shipped.
set(CMAKE_CXX_FLAGS_DEV "-O0 -gline-tables-only")
set(CMAKE_C_FLAGS_DEV "-O0 -gline-tables-only")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG -ffunction-sections -fdata-sections")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE})
endif()

add_library(mecha_flags INTERFACE)
target_include_directories(mecha_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(mecha_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Werror -fno-plt
  -Wno-missing-field-initializers -Wno-missing-designated-field-initializers
  -Wno-gnu-zero-variadic-macro-arguments)
# c-ares and io_uring stay out; one translation unit holds the code of Asio and Beast.
target_compile_definitions(mecha_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  # A request is a dozen coroutine frames deep; with the default of two, most frames would go through malloc.
  BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16)

find_program(LLD ld.lld-19)
if(LLD)
  target_link_options(mecha_flags INTERFACE --ld-path=${LLD})
endif()
target_link_options(mecha_flags INTERFACE $<$<CONFIG:Release>:-Wl,--gc-sections,--icf=safe>)

if(MECHA_SANITIZE)
  add_compile_options(-fsanitize=${MECHA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MECHA_SANITIZE})
endif()
if(MECHA_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
if(MECHA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
