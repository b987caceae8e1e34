// Calls a service that fails twice: the sidecar tries again, the program sees the answer only.
#include <cstdio>

#include "mecha/json.h"
#include "mecha/mecha.h"

// [call]
int main() {
  const auto client = mecha::BlockingClient::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;

  const auto answer = client->app("unsteady").get<nlohmann::json>("flaky");
  if (!answer) return std::fprintf(stderr, "%s\n", answer.error().to_string().c_str()), 1;
  std::printf("it worked at try %d\n", answer->at("try").get<int>());
  return 0;
}
// [/call]
