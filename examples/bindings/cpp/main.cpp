// A file written and read through a binding. With another component of the same name it would be an object in a bucket.
#include <cstdio>
#include <string>

#include "mecha/mecha.h"

// [files]
int main() {
  auto client = mecha::BlockingClient::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;

  // [use]
  const auto files = client->binding("files");
  const auto written = files.invoke("create", std::string("order 1: 3 apples"), {{"fileName", "order-1.txt"}});
  if (!written) return std::fprintf(stderr, "%s\n", written.error().to_string().c_str()), 1;

  const auto read = files.invoke("get", mecha::Metadata{{"fileName", "order-1.txt"}});
  if (!read) return std::fprintf(stderr, "%s\n", read.error().to_string().c_str()), 1;
  std::printf("%s\n", read->data.c_str());
  // [/use]
  return 0;
}
// [/files]
