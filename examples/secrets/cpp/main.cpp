// A secret by name. Where it is kept is the business of the YAML.
#include <cstdio>
#include <string>

#include "mecha/mecha.h"

// [get]
int main() {
  auto client = mecha::BlockingClient::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;

  const auto password = client->secrets("vault").get("database:password");
  if (!password) return std::fprintf(stderr, "%s\n", password.error().to_string().c_str()), 1;
  std::printf("the password has %zu characters\n", password->at("database:password").size());

  const auto absent = client->secrets("vault").get("nobody");
  if (absent) return 1;
  std::printf("no such secret: %s\n", std::string(mecha::to_string(absent.error().code)).c_str());
  return 0;
}
// [/get]
