mecha_library(http_secrets
  SOURCES secrets.cpp
  TESTS secrets_test.cpp
  DEPENDS mecha_http_server mecha_secrets_capability)
