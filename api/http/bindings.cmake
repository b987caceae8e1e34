mecha_library(http_bindings
  SOURCES bindings.cpp
  DEPENDS mecha_http_server mecha_bindings_capability)
