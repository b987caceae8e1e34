mecha_library(http_state
  SOURCES state.cpp state_json.cpp state_shape.cpp
  TESTS state_test.cpp
  DEPENDS mecha_http_server mecha_state_capability
  TEST_DEPENDS mecha_state_in_memory)
