#include "components/aws/signature.hpp"

#include <algorithm>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "runtime/base/text.hpp"

namespace mecha::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kService = "s3";

std::string digest(std::string_view data, const EVP_MD* kind) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(data.data(), data.size(), out, &size, kind, nullptr);
  return {reinterpret_cast<const char*>(out), size};
}

std::string hash(std::string_view data) { return text::hex(digest(data, EVP_sha256())); }

std::string keyed(std::string_view key, std::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()), data.size(), out, &size);
  return {reinterpret_cast<const char*>(out), size};
}

// "20130524T000000Z"; its first eight characters are the day.
std::string stamp(Time now) {
  auto out = text::rfc3339(now);
  std::erase_if(out, [](char c) { return c == '-' || c == ':'; });
  return out;
}

std::string scope_of(std::string_view date, const Credentials& credentials) {
  return std::string(date.substr(0, 8)) + '/' + credentials.region + '/' + std::string(kService) + "/aws4_request";
}

// Without blanks at its ends, each other run of them as one.
std::string folded(std::string_view value) {
  std::string out;
  for (const char c : text::trim(value)) {
    if (c != ' ' || !out.ends_with(' ')) out += c;
  }
  return out;
}

// The signed headers, one a line, and their names.
std::pair<std::string, std::string> headers_text(const Request& request) {
  std::vector<std::pair<std::string, std::string>> lines{{"host", request.host}};
  for (const auto& [name, value] : request.headers) lines.emplace_back(text::lower(name), folded(value));
  std::ranges::sort(lines);
  std::string all, names;
  for (const auto& [name, value] : lines) {
    all += name + ':' + value + '\n';
    names += (names.empty() ? "" : ";") + name;
  }
  return {std::move(all), std::move(names)};
}

std::string signature(const Request& request, const Credentials& credentials, const std::string& date, const std::string& body_hash) {
  const auto [headers, names] = headers_text(request);
  const auto canonical = request.method + '\n' + request.path + '\n' + query_text(request) + '\n' + headers + '\n' + names + '\n' + body_hash;
  const auto scope = scope_of(date, credentials);
  const auto words = std::string(kAlgorithm) + '\n' + date + '\n' + scope + '\n' + hash(canonical);
  auto key = keyed("AWS4" + std::string(credentials.secret_key.reveal()), date.substr(0, 8));
  for (const std::string_view part : {std::string_view(credentials.region), kService, std::string_view("aws4_request")}) key = keyed(key, part);
  return text::hex(keyed(key, words));
}

}  // namespace

std::string query_text(const Request& request) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, value] : request.query) pairs.emplace_back(text::escape(name), text::escape(value));
  std::ranges::sort(pairs);
  std::string out;
  for (const auto& [name, value] : pairs) out += (out.empty() ? "" : "&") + name + '=' + value;
  return out;
}

void sign(Request& request, const Credentials& credentials, Time now) {
  const auto date = stamp(now);
  const auto body_hash = hash(request.body);
  request.headers.set("X-Amz-Date", date);
  request.headers.set("X-Amz-Content-Sha256", body_hash);
  if (!credentials.session_token.empty()) request.headers.set("X-Amz-Security-Token", credentials.session_token);
  const auto names = headers_text(request).second;
  const auto signed_by = signature(request, credentials, date, body_hash);
  request.headers.set(
      "Authorization",
      std::string(kAlgorithm) + " Credential=" + credentials.access_key + '/' + scope_of(date, credentials) + ",SignedHeaders=" + names + ",Signature=" + signed_by
  );
}

std::string presigned_query(const Request& request, const Credentials& credentials, Time now, std::chrono::seconds expires) {
  const auto date = stamp(now);
  Request open{.method = request.method, .host = request.host, .path = request.path, .query = request.query, .headers = {}, .body = {}};
  open.query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  open.query.emplace_back("X-Amz-Credential", credentials.access_key + '/' + scope_of(date, credentials));
  open.query.emplace_back("X-Amz-Date", date);
  open.query.emplace_back("X-Amz-Expires", std::to_string(expires.count()));
  open.query.emplace_back("X-Amz-SignedHeaders", "host");
  if (!credentials.session_token.empty()) open.query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  const auto signed_by = signature(open, credentials, date, "UNSIGNED-PAYLOAD");
  return query_text(open) + "&X-Amz-Signature=" + signed_by;
}

std::string content_md5(std::string_view body) { return text::base64(digest(body, EVP_md5())); }

}  // namespace mecha::aws
