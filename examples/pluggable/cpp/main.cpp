// Uses the store as any other: nothing here says that it is a program of its own.
#include <cstdio>
#include <string>

#include "mecha/mecha.h"

// [use]
int main() {
  const auto client = mecha::BlockingClient::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;

  const auto drawer = client->state("drawer");
  const auto saved = drawer.save("o1", std::string("3 apples"));
  if (!saved) return std::fprintf(stderr, "%s\n", saved.error().to_string().c_str()), 1;

  const auto kept = drawer.get<std::string>("o1");
  if (!kept) return std::fprintf(stderr, "%s\n", kept.error().to_string().c_str()), 1;
  std::printf("kept: %s\n", kept->value_or("nothing").c_str());
  return 0;
}
// [/use]
