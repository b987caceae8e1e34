mecha_library(http_configuration
  SOURCES configuration.cpp
  DEPENDS mecha_http_server mecha_configuration_capability)
