mecha_library(http_bindings
  SOURCES bindings.cpp
  TESTS bindings_test.cpp
  DEPENDS mecha_http_server mecha_bindings_capability)
