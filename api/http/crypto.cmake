mecha_library(http_crypto
  SOURCES crypto.cpp crypto_subtle.cpp
  TESTS crypto_test.cpp
  DEPENDS mecha_http_server mecha_crypto_capability)
