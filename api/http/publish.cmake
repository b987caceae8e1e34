mecha_library(http_publish
  SOURCES publish.cpp publish_json.cpp
  TESTS publish_test.cpp
  DEPENDS mecha_http_server mecha_pubsub_capability mecha_net)
