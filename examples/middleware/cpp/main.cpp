// Calls a service more often than its sidecar lets through: the limit stands in YAML, and neither program knows of it.
#include <cstdio>
#include <string>

#include "mecha/mecha.h"

// [calls]
int main() {
  const auto client = mecha::BlockingClient::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;

  // [use]
  const auto greeter = client->app("greeter");
  for (int call = 0; call < 3; ++call) {
    const auto answer = greeter.get<std::string>("welcome");
    if (answer) {
      std::printf("%s\n", answer->c_str());
    } else {
      std::printf("refused: %s\n", answer.error().to_string().c_str());
    }
  }
  // [/use]
  return 0;
}
// [/calls]
