// TokenEndpoint: an OAuth 2 server's place where tokens are given out (RFC 6749, section 3.2).

#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "components/component.hpp"
#include "runtime/base/secret.hpp"

namespace mecha::http {
class HttpClient;
}

namespace mecha::middleware {

// How the client says who it is: tries the header and then the form; in the form; in a header.
enum class AuthStyle : std::uint8_t { guess = 0, form = 1, header = 2 };

struct OauthToken {
  std::string header;  // "Bearer eyJ.."
  std::optional<std::chrono::seconds> lifetime;
};

// From any shard.
class TokenEndpoint {
 public:
  struct Options {
    std::string url, client_id;
    Secret client_secret;
    AuthStyle style = AuthStyle::guess;
  };
  TokenEndpoint(Shards& shards, Options options);
  ~TokenEndpoint();

  // Makes ready; before anything else.
  Result<void> open();
  // Asks with these fields, within 30 s. Fails with what the server or the way to it says.
  Async<OauthToken> ask(std::multimap<std::string, std::string> form);

 private:
  Async<OauthToken> ask_once(std::multimap<std::string, std::string> form, bool in_header);

  Shards& shards_;
  Options options_;
  std::unique_ptr<http::HttpClient> client_;
  std::atomic<bool> form_works_ = false;  // found out by guessing
};

std::string form_text(const std::multimap<std::string, std::string>& form);
// Of a list separated by commas: as OAuth has it, separated by blanks.
std::string scope_text(const std::string& scopes);

}  // namespace mecha::middleware
