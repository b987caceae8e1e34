// A document encrypted by the sidecar: the key never enters this program.
#include <cstdio>
#include <string>

#include "mecha/mecha.h"

// [encrypt]
int main() {
  auto client = mecha::BlockingClient::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;

  const auto safe = client->crypto("safe");
  mecha::EncryptOptions with;
  with.key = "rsa.pem";
  with.algorithm = "RSA";
  const auto document = safe.encrypt("attack at dawn", with);
  if (!document) return std::fprintf(stderr, "%s\n", document.error().to_string().c_str()), 1;
  std::printf("%s\n", document->substr(0, document->find('\n')).c_str());

  const auto plain = safe.decrypt(*document);
  if (!plain) return std::fprintf(stderr, "%s\n", plain.error().to_string().c_str()), 1;
  std::printf("%s\n", plain->c_str());
  return 0;
}
// [/encrypt]
