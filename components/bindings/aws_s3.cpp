// Output binding on S3, or a server that speaks its protocol. Requests are signed; bodies are whole in memory.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "components/aws/signature.hpp"
#include "components/aws/xml.hpp"
#include "components/bindings/aws_s3_bulk.hpp"
#include "components/bindings/aws_s3_list.hpp"
#include "components/bindings/binding.hpp"
#include "components/catalog.hpp"
#include "components/http/client.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/async/parallel.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/url.hpp"

namespace mecha::bindings {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kObjectMax = std::uint64_t{512} << 20;
constexpr std::size_t kHashedHere = std::size_t{1} << 20;
constexpr auto kLimit = 5min;  // of one request
constexpr auto kPresignLongest = 7 * 24h;
constexpr std::size_t kAtOnceMost = 100;      // requests of one bulk operation
constexpr std::size_t kDeletedAtOnce = 1000;  // keys of one request, as S3 has it

struct S3Settings {
  std::string bucket, region, endpoint, access_key;
  Secret secret_key, session_token;
  bool path_style = false, plain = false, unverified = false;
  bool decodes = false, encodes = false;
  std::string file, presign_ttl, storage_class;

  static constexpr auto fields() {
    using S = S3Settings;
    return std::tuple{
        field("bucket", &S::bucket, "Name of the bucket.").required(),
        field("region", &S::region, "Region; else AWS_REGION or AWS_DEFAULT_REGION.").aliases("awsRegion"),
        field("endpoint", &S::endpoint, "Address of another server, with or without scheme; else that of the region."),
        field("accessKey", &S::access_key, "Access key; else AWS_ACCESS_KEY_ID.").aliases("awsAccessKey"),
        field("secretKey", &S::secret_key, "Its secret; else AWS_SECRET_ACCESS_KEY.").aliases("awsSecretKey"),
        field("sessionToken", &S::session_token, "Token of a session; else AWS_SESSION_TOKEN.").aliases("awsSessionToken"),
        field("forcePathStyle", &S::path_style, "The bucket stands in the path, not before the host."),
        field("disableSSL", &S::plain, "An endpoint without a scheme is asked over http."),
        field("insecureSSL", &S::unverified, "Any certificate of the server will do."),
        field("decodeBase64", &S::decodes, "Data of create is base64 and is stored decoded."),
        field("encodeBase64", &S::encodes, "Objects are given back as base64."),
        field("filePath", &S::file, "File that create stores, unless the request names one."),
        field("presignTTL", &S::presign_ttl, "How long a presigned URL works, unless the request says it."),
        field("storageClass", &S::storage_class, "Storage class of new objects, unless the request names one."),
    };
  }
};

std::string or_variable(std::string text, const char* name) {
  if (!text.empty()) return text;
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::unexpected<Error> wrong(std::string why, Code code = Code::invalid_argument) { return fail(code, "s3 binding error: " + std::move(why)); }

Result<aws::Credentials> credentials_of(const S3Settings& settings) {
  aws::Credentials out{
      .access_key = or_variable(settings.access_key, "AWS_ACCESS_KEY_ID"),
      .secret_key = Secret(or_variable(std::string(settings.secret_key.reveal()), "AWS_SECRET_ACCESS_KEY")),
      .session_token = or_variable(std::string(settings.session_token.reveal()), "AWS_SESSION_TOKEN"),
      .region = or_variable(or_variable(settings.region, "AWS_REGION"), "AWS_DEFAULT_REGION"),
  };
  if (out.region.empty()) return wrong("no region: set region, or AWS_REGION", Code::failed_precondition);
  if (out.access_key.empty() || out.secret_key.reveal().empty()) {
    return wrong("no credentials: set accessKey and secretKey, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; profiles and roles are not in this build", Code::failed_precondition);
  }
  return out;
}

Result<net::Url> server_of(const S3Settings& settings, const std::string& region) {
  auto address = settings.endpoint;
  if (address.empty()) address = "s3." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
  if (address.find("://") == std::string::npos) address = (settings.plain ? "http://" : "https://") + address;
  return net::parse_url(address);
}

// What stands between the quotes of a JSON text; else the data as it is.
std::string unquoted(std::string data) {
  if (!data.starts_with('"')) return data;
  auto parsed = json::parse(data);
  return parsed && parsed->is_string() ? std::move(parsed->as_string()) : data;
}

// Blocks.
Result<void> write_object(const std::string& path, const std::string& data) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) return fail(Code::internal, "open " + path + ": " + system_message(errno));
  if (!file.write(data.data(), static_cast<std::streamsize>(data.size())).flush()) return fail(Code::internal, "write " + path + ": " + system_message(errno));
  return {};
}

// "a=b, c=d" as the header has it: "a=b&c=d".
Result<std::string> tagging(std::string_view tags) {
  std::string out;
  for (const auto tag : text::split(tags, ',')) {
    const auto pair = text::trim(tag);
    const auto mark = pair.find('=');
    const auto name = text::trim(pair.substr(0, mark)), value = mark == std::string_view::npos ? std::string_view() : text::trim(pair.substr(mark + 1));
    if (name.empty() || value.empty() || !text::is_field_value(pair)) {
      return wrong("parsing tags falied error: invalid tag format: '" + std::string(tag) + "' (expected key=value)");
    }
    out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
  }
  return out;
}

// What stands between could take such a key for another bucket.
Result<void> check_key(std::string_view key) {
  for (const auto part : text::split(key, '/')) {
    if (part == ".." || part == ".") return fail(Code::invalid_argument, "the key must not have " + std::string(part) + " between slashes");
  }
  return {};
}

// Request metadata over the component's.
struct Asked {
  std::string key, file, ttl, storage_class, content_type;
  std::optional<std::string> tags;
  bool decodes, encodes;

  Asked(const S3Settings& settings, const Metadata& metadata)
      : key(text(metadata, "key", "")), file(text(metadata, "filePath", settings.file)), ttl(text(metadata, "presignTTL", settings.presign_ttl)),
        storage_class(text(metadata, "storageClass", settings.storage_class)), content_type(text::trim(text(metadata, "Content-Type", ""))),
        decodes(truth(metadata, "decodeBase64", settings.decodes)), encodes(truth(metadata, "encodeBase64", settings.encodes)) {
    if (const auto it = metadata.find("tags"); it != metadata.end()) tags = it->second;
  }

 private:
  static std::string text(const Metadata& metadata, const char* name, std::string otherwise) {
    const auto it = metadata.find(name);
    return it == metadata.end() || it->second.empty() ? std::move(otherwise) : it->second;
  }
  static bool truth(const Metadata& metadata, const char* name, bool otherwise) {
    const auto it = metadata.find(name);
    return it == metadata.end() || it->second.empty() ? otherwise : text::truthy(it->second);
  }
};

class S3Binding final : public Binding, public OutputBinding {
 public:
  using Settings = S3Settings;
  static constexpr ComponentInfo info{"bindings.aws.s3", "v1", "Objects of S3 or a server of its protocol."};

  S3Binding(Settings settings, const ComponentContext& context) : settings_(std::move(settings)), shards_(context.shards), log_(context.log) {}

  OutputBinding* output() override { return this; }
  std::vector<std::string> operations() const override { return {"create", "get", "delete", "list", "presign", "bulkGet", "bulkCreate", "bulkDelete"}; }

  static Result<void> check(const Settings& settings) {
    MECHA_TRY(const auto credentials, credentials_of(settings));
    MECHA_TRY([[maybe_unused]] const auto url, server_of(settings, credentials.region));
    return {};
  }

  Async<void> start() override;
  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    auto outcome = co_await perform(std::move(request));
    co_return outcome ? *std::move(outcome) : failure(std::move(outcome).error());
  }

 private:
  Async<InvokeOutcome> perform(InvokeRequest request);
  Async<InvokeOutcome> create(Asked asked, std::string data);
  Async<InvokeOutcome> get(Asked asked);
  Async<InvokeOutcome> remove(Asked asked);
  Async<InvokeOutcome> list(std::string data);
  Async<InvokeOutcome> bulk(std::string operation, Asked asked, std::string data);
  Async<InvokeOutcome> bulk_remove(std::string data);
  asio::awaitable<void> bulk_one(S3BulkItem item, bool reads, bool coded, S3Budget& budget, S3BulkResult& into);
  Async<std::string> read_item(S3BulkItem item, bool encodes, S3Budget& budget);
  Async<std::string> write_item(S3BulkItem item, bool decodes);
  Async<std::vector<std::pair<std::string, std::string>>> remove_batch(std::span<const std::string> keys);
  Async<std::string> body_of(std::string file);
  Result<std::string> presigned(const std::string& key, const std::string& ttl) const;
  aws::Request make(std::string method, const std::string& key) const;
  std::string url_of(const aws::Request& request) const { return scheme_ + "://" + request.host + request.path; }
  Async<aws::Request> signed_request(aws::Request request);
  Async<http::HttpAnswer> send(aws::Request asked, http::Admits admits = {});

  Settings settings_;
  Shards& shards_;
  Log log_;
  aws::Credentials credentials_;
  std::string scheme_, host_, base_;  // base_: the path of the bucket, without a slash at its end
  std::unique_ptr<http::HttpClient> client_;
  std::unique_ptr<Bridge> files_;
};

Async<void> S3Binding::start() {
  MECHA_CO_TRY(credentials_, credentials_of(settings_));
  MECHA_CO_TRY(const auto url, server_of(settings_, credentials_.region));
  scheme_ = url.scheme;
  base_ = url.target.substr(0, url.target.find('?'));
  while (base_.ends_with('/')) base_.pop_back();
  // A certificate for *.host does not take a bucket with dots, and a host knows no capitals.
  const bool in_path = settings_.path_style || settings_.bucket.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos;
  host_ = in_path ? url.authority : settings_.bucket + '.' + url.authority;
  if (in_path) base_ += '/' + text::escape(settings_.bucket);
  if (settings_.unverified) log_.warn("insecureSSL: the server's certificate is not checked");
  net::TlsClientOptions options;
  options.verify = !settings_.unverified;
  MECHA_CO_TRY(auto tls, net::make_tls(options));
  client_ = std::make_unique<http::HttpClient>(shards_, std::move(tls));
  files_ = std::make_unique<Bridge>("s3-files");
  co_return Result<void>{};
}

aws::Request S3Binding::make(std::string method, const std::string& key) const {
  return {.method = std::move(method), .host = host_, .path = base_ + '/' + text::escape(key, "/"), .query = {}, .headers = {}, .body = {}};
}

Async<InvokeOutcome> S3Binding::perform(InvokeRequest request) {
  Asked asked(settings_, request.metadata);
  if (request.operation == "bulkGet" || request.operation == "bulkCreate") {
    co_return co_await bulk(std::move(request.operation), std::move(asked), std::move(request.data));
  }
  if (request.operation == "bulkDelete") co_return co_await bulk_remove(std::move(request.data));
  if (const auto fits = check_key(asked.key); !fits) co_return wrong(fits.error().message);
  if (request.operation == "create") co_return co_await create(std::move(asked), std::move(request.data));
  if (request.operation == "list") co_return co_await list(std::move(request.data));
  if (asked.key.empty()) co_return wrong("required metadata 'key' missing");
  if (request.operation == "get") co_return co_await get(std::move(asked));
  if (request.operation == "delete") co_return co_await remove(std::move(asked));
  if (asked.ttl.empty()) co_return wrong("required metadata 'presignTTL' missing");
  MECHA_CO_TRY(auto url, presigned(asked.key, asked.ttl));
  co_return answer(json::write(json::Value(json::Object{{"presignURL", std::move(url)}})));
}

// The hash of a large body takes longer than a shard may be held.
Async<aws::Request> S3Binding::signed_request(aws::Request request) {
  const auto now = std::chrono::system_clock::now();
  if (request.body.size() <= kHashedHere) {
    aws::sign(request, credentials_, now);
    co_return std::move(request);
  }
  std::function<Result<aws::Request>()> sign = [this, &request, now]() -> Result<aws::Request> {
    aws::sign(request, credentials_, now);
    return std::move(request);
  };
  co_return co_await files_->call<aws::Request>(std::move(sign));
}

// A redirect is not followed: the signature holds for one server and method, and what a PUT became would say that all is well.
Async<http::HttpAnswer> S3Binding::send(aws::Request asked, http::Admits admits) {
  MECHA_CO_TRY(auto request, co_await signed_request(std::move(asked)));
  http::HttpCall call{
      .method = request.method, .url = url_of(request), .headers = std::move(request.headers), .body = std::move(request.body), .follows_redirects = false};
  if (const auto query = aws::query_text(request); !query.empty()) call.url += '?' + query;
  call.has_body = !call.body.empty();
  call.admits = std::move(admits);
  MECHA_CO_TRY(auto got, co_await client_->send(std::move(call), kObjectMax + 1, kLimit));
  if (got.body.size() > kObjectMax) co_return fail(Code::resource_exhausted, "the answer has more than 512 MiB");
  if (got.status >= 200 && got.status < 300) co_return got;
  const auto told = aws::parse_xml(got.body);
  if (told && told->text_of("Code") == "NoSuchKey") co_return fail(Code::not_found, "object not found");
  auto why = told ? std::string(told->text_of("Code")) + ": " + std::string(told->text_of("Message")) + ", " : std::string();
  co_return fail(code_of_http_status(got.status), why + "status code: " + std::to_string(got.status));
}

// An object that is not there is told without further words.
std::unexpected<Error> failed(std::string_view what, Error error) {
  if (error.message == "object not found") return fail(std::move(error));
  return fail(std::move(error).context("s3 binding error: " + std::string(what)));
}

Async<InvokeOutcome> S3Binding::create(Asked asked, std::string data) {
  if (asked.key.empty()) asked.key = text::uuid();
  if (!asked.file.empty()) {
    auto read = co_await body_of(asked.file);
    if (!read) co_return wrong("file read error: " + read.error().message);
    data = *std::move(read);
  } else {
    data = unquoted(std::move(data));
  }
  if (asked.decodes) {
    auto decoded = text::from_base64(data);
    if (!decoded) co_return wrong("uploading failed: the data is no base64");
    data = *std::move(decoded);
  }
  std::string url;
  if (!asked.ttl.empty()) {
    MECHA_CO_TRY(url, presigned(asked.key, asked.ttl));
  }
  auto request = make("PUT", asked.key);
  const auto location = url_of(request);
  if (!asked.content_type.empty()) request.headers.set("Content-Type", asked.content_type);
  if (!asked.storage_class.empty()) request.headers.set("X-Amz-Storage-Class", asked.storage_class);
  if (asked.tags) {
    MECHA_CO_TRY(auto tags, tagging(*asked.tags));
    request.headers.set("X-Amz-Tagging", std::move(tags));
  }
  request.body = std::move(data);
  auto got = co_await send(std::move(request));
  if (!got) co_return failed("uploading failed", std::move(got).error());
  const auto version = got->metadata.find("X-Amz-Version-Id");
  json::Object told{{"location", location}, {"versionID", version == got->metadata.end() ? json::Value() : json::Value(version->second)}};
  if (!url.empty()) told["presignURL"] = std::move(url);
  co_return answer(json::write(json::Value(std::move(told))), {{"key", asked.key}});
}

Async<InvokeOutcome> S3Binding::get(Asked asked) {
  auto got = co_await send(make("GET", asked.key));
  if (!got) co_return failed("error downloading S3 object", std::move(got).error());
  co_return answer(asked.encodes ? text::base64(got->body) : std::move(got->body));
}

Async<InvokeOutcome> S3Binding::remove(Asked asked) {
  auto got = co_await send(make("DELETE", asked.key));
  if (!got) co_return failed("delete operation failed", std::move(got).error());
  co_return no_answer();
}

Async<InvokeOutcome> S3Binding::list(std::string data) {
  auto request = make("GET", "");
  auto query = s3_list_query(data);
  if (!query) co_return fail(Code::invalid_argument, "s3 binding (List Operation) - unable to parse Data property - " + query.error().message);
  request.query = *std::move(query);
  auto got = co_await send(std::move(request));
  if (!got) co_return failed("list operation failed", std::move(got).error());
  auto listed = s3_list_answer(got->body);
  if (!listed) co_return failed("list operation failed", std::move(listed).error());
  co_return answer(json::write(*listed));
}

Async<std::string> S3Binding::body_of(std::string file) {
  std::function<Result<std::string>()> read = [&file] { return read_file(file, kObjectMax); };
  co_return co_await files_->call<std::string>(std::move(read));
}

Async<InvokeOutcome> S3Binding::bulk(std::string operation, Asked asked, std::string data) {
  MECHA_CO_TRY(const auto bulk, s3_bulk_items(operation, data));
  const bool reads = operation == "bulkGet", coded = reads ? asked.encodes : asked.decodes;
  std::vector<S3BulkResult> results(bulk.items.size());
  S3Budget budget(kObjectMax);
  const IndexedWork work = [&](std::size_t index) { return bulk_one(bulk.items[index], reads, coded, budget, results[index]); };
  co_await for_each_parallel(results.size(), std::min(bulk.at_once, kAtOnceMost), work);
  co_return answer(s3_bulk_answer(results));
}

// An item that fails is told in its place and leaves the others alone.
asio::awaitable<void> S3Binding::bulk_one(S3BulkItem item, bool reads, bool coded, S3Budget& budget, S3BulkResult& into) {
  into.key = item.key;
  Result<void> fits = item.key.empty() ? fail(Code::invalid_argument, "key is required") : check_key(item.key);
  if (!fits) {
    into.error = std::move(fits).error().message;
    co_return;
  }
  auto done = co_await (reads ? read_item(std::move(item), coded, budget) : write_item(std::move(item), coded));
  if (!done) into.error = std::move(done).error().message;
  else (reads ? into.data : into.location) = *std::move(done);
}

// The object, or nothing when it went to a file.
Async<std::string> S3Binding::read_item(S3BulkItem item, bool encodes, S3Budget& budget) {
  S3Share share(budget);
  MECHA_CO_TRY(auto got, co_await send(make("GET", item.key), [&share](std::size_t bytes) { return share.take(bytes); }));
  auto data = encodes ? text::base64(got.body) : std::move(got.body);
  if (!item.file) {
    share.keep();
    co_return text::sanitize_utf8(data);
  }
  std::function<Result<bool>()> write = [&]() -> Result<bool> {
    MECHA_TRY_VOID(write_object(*item.file, data));
    return true;
  };
  MECHA_CO_TRY([[maybe_unused]] const auto written, co_await files_->call<bool>(std::move(write)));
  co_return std::string();
}

// Gives back where the object is.
Async<std::string> S3Binding::write_item(S3BulkItem item, bool decodes) {
  std::string data;
  if (item.file) {
    MECHA_CO_TRY(data, co_await body_of(*item.file));
  } else if (item.data) {
    data = *std::move(item.data);
  } else {
    co_return fail(Code::invalid_argument, "either data or filePath is required");
  }
  if (decodes) {
    auto decoded = text::from_base64(data);
    if (!decoded) co_return fail(Code::invalid_argument, "the data is no base64");
    data = *std::move(decoded);
  }
  auto request = make("PUT", item.key);
  auto location = url_of(request);
  if (item.content_type) request.headers.set("Content-Type", *item.content_type);
  request.body = std::move(data);
  MECHA_CO_TRY([[maybe_unused]] const auto got, co_await send(std::move(request)));
  co_return location;
}

Async<std::vector<std::pair<std::string, std::string>>> S3Binding::remove_batch(std::span<const std::string> keys) {
  auto request = make("POST", "");
  request.query = {{"delete", ""}};
  request.body = s3_delete_document(keys);
  request.headers.set("Content-Type", "application/xml");
  request.headers.set("Content-MD5", aws::content_md5(request.body));
  MECHA_CO_TRY(const auto got, co_await send(std::move(request)));
  co_return s3_delete_errors(got.body);
}

// A key that stands there twice is asked for once and answered twice.
Async<InvokeOutcome> S3Binding::bulk_remove(std::string data) {
  MECHA_CO_TRY(const auto keys, s3_bulk_keys(data));
  std::vector<S3BulkResult> results;
  std::vector<std::string> wanted;
  std::unordered_map<std::string, std::string> errors;  // of keys that were asked for; empty is none
  for (const auto& key : keys) {
    results.push_back({.key = key});
    if (text::trim(key).empty()) results.back().error = "key is required";
    else if (!s3_fits_xml(key)) results.back().error = "the key has a character that no XML document can have";
    else if (errors.try_emplace(key).second) wanted.push_back(key);
  }
  const std::span<const std::string> all(wanted);
  for (std::size_t at = 0; at < all.size(); at += kDeletedAtOnce) {
    const auto batch = all.subspan(at, std::min(kDeletedAtOnce, all.size() - at));
    auto refused = co_await remove_batch(batch);
    for (const auto& key : batch) {
      if (!refused) errors[key] = refused.error().message;
    }
    if (!refused) continue;
    for (auto& [key, why] : *refused) errors[key] = std::move(why);
  }
  for (auto& one : results) {
    if (const auto known = errors.find(one.key); known != errors.end()) one.error = known->second;
  }
  co_return answer(s3_bulk_answer(results));
}

Result<std::string> S3Binding::presigned(const std::string& key, const std::string& ttl) const {
  const auto time = text::go_duration(ttl);
  if (!time) return wrong("cannot parse duration " + ttl + ": " + text::go_duration_error(ttl));
  if (*time < 1s || *time > kPresignLongest) return wrong("presignTTL must be between 1s and 168h, got " + ttl);
  const auto request = make("GET", key);
  const auto expires = std::chrono::duration_cast<std::chrono::seconds>(*time);
  return url_of(request) + '?' + aws::presigned_query(request, credentials_, std::chrono::system_clock::now(), expires);
}

}  // namespace

void register_aws_s3(Catalog& catalog) { catalog.add<S3Binding>(); }

}  // namespace mecha::bindings
