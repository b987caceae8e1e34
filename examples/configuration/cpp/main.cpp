// A value that can change while the program runs: read once, then watched.
#include <cstdio>

#include "mecha/mecha.h"

// [watch]
int main() {
  auto client = mecha::BlockingClient::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;

  const auto settings = client->configuration("settings");
  const auto now = settings.get({"discount"});
  if (!now) return std::fprintf(stderr, "%s\n", now.error().to_string().c_str()), 1;
  std::printf("discount is %s\n", now->at("discount").value.c_str());

  // [changes]
  auto changes = settings.watch({"discount"});
  for (;;) {
    const auto change = changes.next();
    if (!change) return std::fprintf(stderr, "%s\n", change.error().to_string().c_str()), 1;
    if (!*change) return 0;
    const auto item = (*change)->find("discount");
    if (item != (*change)->end()) return std::printf("discount is now %s\n", item->second.value.c_str()), 0;
    std::printf("watching\n");
    std::fflush(stdout);
  }
  // [/changes]
}
// [/watch]
