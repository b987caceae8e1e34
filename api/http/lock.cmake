mecha_library(http_lock
  SOURCES lock.cpp
  TESTS lock_test.cpp
  DEPENDS mecha_http_server mecha_lock_capability)
