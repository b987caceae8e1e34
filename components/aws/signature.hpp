// Signature Version 4 of AWS as S3 wants it: the path is escaped once, the hash of the body goes along. No I/O, no clock.

#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/secret.hpp"
#include "runtime/net/headers.hpp"

namespace mecha::aws {

struct Credentials {
  std::string access_key;
  Secret secret_key;
  std::string session_token;  // may be empty
  std::string region;
};

struct Request {
  std::string method;
  std::string host;  // as the Host header has it
  std::string path;  // escaped
  std::vector<std::pair<std::string, std::string>> query;  // not escaped
  net::Headers headers;  // all of them are signed
  std::string body;
};

using Time = std::chrono::system_clock::time_point;

// "a=b&c=%20", by name, as it is signed and sent.
std::string query_text(const Request& request);
// Adds X-Amz-Date, X-Amz-Content-Sha256, the session's token and Authorization to the headers.
void sign(Request& request, const Credentials& credentials, Time now);
// The hash of a body as the header Content-MD5 has it.
std::string content_md5(std::string_view body);
// The query of a URL that anybody may use until `expires` after `now`; the request's headers and body are not looked at.
std::string presigned_query(const Request& request, const Credentials& credentials, Time now, std::chrono::seconds expires);

}  // namespace mecha::aws
