mecha_library(http_state
  SOURCES state.cpp state_json.cpp
  DEPENDS mecha_state_capability mecha_net)
