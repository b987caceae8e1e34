// Calls the service by its app id; where it runs is the sidecars' business.
#include <cstdio>
#include <string>

#include "mecha/json.h"
#include "mecha/mecha.h"

// [types]
struct Request {
  std::string item;
  int quantity = 0;
};
struct Reply {
  int left = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Request, item, quantity)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Reply, left)
// [/types]

// [call]
int main() {
  auto client = mecha::BlockingClient::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;

  const auto stock = client->app("stock");
  const auto reply = stock.invoke<Reply>("reserve", Request{"apples", 5});
  if (!reply) return std::fprintf(stderr, "%s\n", reply.error().to_string().c_str()), 1;
  std::printf("left: %d\n", reply->left);

  const auto too_many = stock.invoke<Reply>("reserve", Request{"apples", 50});
  if (too_many) return 1;
  std::printf("too many: %s\n", std::string(mecha::to_string(too_many.error().code)).c_str());
  return 0;
}
// [/call]
