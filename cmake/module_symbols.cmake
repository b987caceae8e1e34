# Writes to OUTPUT the dynamic symbols of MODULES, in the form that a linker takes by --dynamic-list.
cmake_minimum_required(VERSION 3.25)

set(symbols "")
foreach(module IN LISTS MODULES)
  execute_process(COMMAND ${NM} -D -P ${module} OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "(^|\n)[^ @\n]+" names "${lines}")
  list(TRANSFORM names STRIP)
  list(APPEND symbols ${names})
endforeach()
list(SORT symbols)
list(REMOVE_DUPLICATES symbols)
list(JOIN symbols "\";\n\"" text)
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT "{\n\"@text@\";\n};\n")
