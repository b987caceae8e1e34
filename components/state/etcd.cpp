// State in etcd (contract 02, section 2.8): version 1 keeps the bytes of a value, version 2 a message with its times.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "components/catalog.hpp"
#include "components/etcd/client.hpp"
#include "components/state/etcd_record.hpp"
#include "components/state/like.hpp"
#include "components/state/state_store.hpp"

namespace mecha::state {
namespace {

constexpr std::size_t kKeysAtOnce = 1000;  // of one request while listing

struct EtcdSettings {
  std::vector<std::string> endpoints;
  std::string prefix;
  bool tls = false;
  std::string ca, certificate;
  Secret key;
  int operations_max = 128;

  static constexpr auto fields() {
    using S = EtcdSettings;
    return std::tuple{
        field("endpoints", &S::endpoints, "Servers, host:port, joined by commas.").required("initializing etcd client: endpoints required"),
        field("keyPrefixPath", &S::prefix, "Stands with a slash before each key."),
        field("tlsEnable", &S::tls, "TLS; needs ca, cert and key."),
        field("ca", &S::ca, "Authorities, PEM text."),
        field("cert", &S::certificate, "Client certificate, PEM text."),
        field("key", &S::key, "Key of the client certificate, PEM text."),
        field("maxTxnOps", &S::operations_max, "Operations of one transaction; the server has a limit of its own.")
            .between(1, 100000),
    };
  }
};

constexpr std::int64_t kNoRevision = -1;  // no key has it

// One operation as etcd is told it. Reads nothing, so that a condition and its write are one step.
struct Plan {
  std::optional<etcd::Condition> condition;
  std::string etag;  // which the condition is about; empty: there must be no record
  etcd::Write write;
  std::optional<std::int64_t> ttl;
};

bool all_differ(const std::vector<SetRequest>& requests) {
  std::set<std::string_view> keys;
  for (const auto& request : requests) keys.insert(request.key);
  return keys.size() == requests.size();
}

class EtcdStore : public StateStore {
 public:
  EtcdStore(EtcdSettings settings, const ComponentContext& context, bool with_times)
      : settings_(std::move(settings)), shards_(context.shards), with_times_(with_times) {}

  static Result<etcd::Options> check(const EtcdSettings& settings) {
    etcd::Options options{.endpoints = settings.endpoints};
    for (const auto& endpoint : options.endpoints) {
      MECHA_TRY([[maybe_unused]] const auto origin, etcd::parse_endpoint(endpoint));
    }
    if (settings.tls) {
      if (settings.ca.empty() || settings.certificate.empty() || settings.key.empty()) {
        return fail(Code::invalid_argument, "initializing etcd client: tls authentication information is incomplete");
      }
      net::TlsClientOptions tls{
          .ca_pem = settings.ca, .certificate_pem = settings.certificate, .private_key_pem = settings.key, .alpn = {"h2"}};
      MECHA_TRY(options.tls, net::make_tls(tls));
    }
    return options;
  }

  Async<void> start() override {
    MECHA_CO_TRY(auto options, check(settings_));
    client_ = std::make_unique<etcd::Client>(shards_, std::move(options));
    co_return Result<void>{};
  }

  std::vector<std::string> features() const override {
    return {std::string(kEtag), std::string(kTransactional), std::string(kTtl), std::string(kKeysLike)};
  }
  bool transactional() const override { return true; }
  std::size_t operations_max() const override { return static_cast<std::size_t>(settings_.operations_max); }

  Async<std::optional<Item>> get(GetRequest request) override {
    MECHA_CO_TRY(auto found, co_await read(path(request.key)));
    if (!found) co_return std::optional<Item>();
    Item item{.data = std::move(found->value), .etag = std::to_string(found->mod_revision), .metadata = {}};
    if (!with_times_) co_return item;
    auto record = read_etcd_record(item.data);
    if (!record) co_return fail(Code::internal, "the value of " + request.key + " is no record of state.etcd v2");
    item.data = std::move(record->data);
    if (record->ttl > 0) item.metadata["ttlExpireTime"] = text::rfc3339(record->written + std::chrono::seconds(record->ttl));
    co_return item;
  }

  Async<void> set(SetRequest request) override {
    MECHA_CO_TRY(auto plan, prepare(std::move(request)));
    co_return co_await apply(std::vector{std::move(plan)});
  }

  // At once, unless a key stands there twice: then in order, so that the last one counts.
  Async<std::vector<KeyError>> bulk_set(std::vector<SetRequest> requests) override {
    if (all_differ(requests)) co_return co_await StateStore::bulk_set(std::move(requests));
    std::vector<KeyError> failed;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      auto done = co_await set(std::move(requests[i]));
      if (!done) failed.push_back({i, std::move(done).error()});
    }
    co_return failed;
  }

  Async<void> remove(DeleteRequest request) override {
    MECHA_CO_TRY(auto plan, prepare(std::move(request)));
    co_return co_await apply(std::vector{std::move(plan)});
  }

  Async<void> transact(TransactRequest request) override {
    std::vector<Plan> plans;
    for (auto& operation : request.operations) {
      auto plan = std::visit([this](auto& r) { return prepare(std::move(r)); }, operation);
      if (!plan) co_return fail(std::move(plan).error());
      plans.push_back(*std::move(plan));
    }
    co_return co_await apply(std::move(plans));
  }

  Async<KeyPage> keys_like(std::string pattern, std::size_t page_size, std::string token) override {
    if (pattern.empty()) co_return fail(Code::invalid_argument, "keys like pattern cannot be empty");
    const auto start = path(pattern.substr(0, pattern.find_first_of("%_\\")));
    // The first key behind all that begin with it; no key has the byte 0xff where text goes on.
    const auto end = start + std::string(8, '\xff');
    auto from = token.empty() ? start : path(token) + '\0';
    KeyPage page;
    for (;;) {
      MECHA_CO_TRY(const auto keys, co_await client_->keys(from, end, kKeysAtOnce));
      for (const auto& key : keys) {
        auto own = key.substr(path({}).size());
        if (!like(pattern, own)) continue;
        if (page_size > 0 && page.keys.size() == page_size) {
          page.token = page.keys.back();
          co_return page;
        }
        page.keys.push_back(std::move(own));
      }
      if (keys.size() < kKeysAtOnce) co_return page;
      from = keys.back() + '\0';
    }
  }

 private:
  std::string path(const std::string& key) const { return settings_.prefix + "/" + key; }

  std::optional<etcd::Condition> condition(const std::string& key, const std::string& etag, const Options& options) const {
    using Of = etcd::Condition::Of;
    if (!etag.empty()) return etcd::Condition{.key = path(key), .of = Of::mod_revision, .equals = text::to_int(etag).value_or(kNoRevision)};
    if (!first_write(options)) return std::nullopt;
    return etcd::Condition{.key = path(key), .of = Of::create_revision, .equals = 0};
  }

  Async<std::optional<etcd::KeyValue>> read(std::string key) {
    auto found = co_await client_->get(key);
    if (!found) co_return fail(std::move(found).error().context("couldn't get key " + key));
    co_return found;
  }

  Result<Plan> prepare(SetRequest request) const {
    MECHA_TRY_VOID(check_options(request.options));
    Plan plan;
    MECHA_TRY(plan.ttl, ttl_seconds(request.metadata));
    plan.condition = condition(request.key, request.etag, request.options);
    plan.etag = std::move(request.etag);
    plan.write = {.key = path(request.key), .value = to_bytes(std::move(request.value))};
    if (with_times_) {
      plan.write.value = write_etcd_record(
          {.data = *std::move(plan.write.value),
           .written = std::chrono::system_clock::now(),
           .ttl = std::max<std::int64_t>(plan.ttl.value_or(0), 0)}
      );
    }
    return plan;
  }

  Result<Plan> prepare(DeleteRequest request) const {
    MECHA_TRY_VOID(check_options(request.options));
    Plan plan;
    plan.condition = condition(request.key, request.etag, request.options);
    plan.etag = std::move(request.etag);
    plan.write = {.key = path(request.key), .value = std::nullopt};
    return plan;
  }

  // Conditions look at what was there before; of several writes of one key the last one counts.
  Async<void> apply(std::vector<Plan> plans) {
    std::vector<etcd::Condition> conditions;
    std::map<std::string, Plan*> last;
    for (auto& plan : plans) {
      if (plan.condition) conditions.push_back(*plan.condition);
      last[plan.write.key] = &plan;
    }
    std::vector<etcd::Write> writes;
    for (auto& [key, plan] : last) {
      if (plan->ttl) {
        auto lease = co_await client_->grant(*plan->ttl);
        if (!lease) co_return fail(std::move(lease).error().context("couldn't grant lease " + key));
        plan->write.lease = *lease;
      }
      writes.push_back(std::move(plan->write));
    }
    if (writes.empty()) co_return Result<void>{};
    const auto words = (writes[0].value ? "couldn't set key " : "couldn't delete key ") + writes[0].key;
    const bool alone = plans.size() == 1;
    const auto applied = co_await client_->transact(std::move(conditions), std::move(writes));
    if (!applied) co_return fail(alone ? Error(applied.error()).context(words) : applied.error());
    if (!*applied) co_return co_await why_not(std::move(plans));
    co_return Result<void>{};
  }

  // Of the first condition that does not hold, as far as it can still be seen.
  Async<void> why_not(std::vector<Plan> plans) {
    for (const auto& plan : plans) {
      if (!plan.condition) continue;
      const auto key = plan.condition->key;
      MECHA_CO_TRY(const auto found, co_await read(key));
      if (plan.etag.empty()) {
        if (found) co_return etag_mismatch("item already exists and no etag was passed");
        continue;
      }
      if (!found) co_return etag_mismatch("state not exist or expired for key=" + key);
      const auto current = std::to_string(found->mod_revision);
      if (current == plan.etag) continue;
      co_return etag_mismatch("state etag not match for key=" + key + ": current=" + current + ", expect=" + plan.etag);
    }
    co_return etag_mismatch();
  }

  EtcdSettings settings_;
  Shards& shards_;
  bool with_times_;
  std::unique_ptr<etcd::Client> client_;
};

class EtcdStoreV1 final : public EtcdStore {
 public:
  using Settings = EtcdSettings;
  static constexpr ComponentInfo info{"state.etcd", "v1", "etcd 3.4 or later; values as they are."};
  EtcdStoreV1(Settings settings, const ComponentContext& context) : EtcdStore(std::move(settings), context, false) {}
};

class EtcdStoreV2 final : public EtcdStore {
 public:
  using Settings = EtcdSettings;
  static constexpr ComponentInfo info{
      .type = "state.etcd", .version = "v2", .help = "etcd 3.4 or later; values with their times.", .versioning = Versioning::named};
  EtcdStoreV2(Settings settings, const ComponentContext& context) : EtcdStore(std::move(settings), context, true) {}
};

}  // namespace

void register_etcd(Catalog& catalog) {
  catalog.add<EtcdStoreV1>();
  catalog.add<EtcdStoreV2>();
}

}  // namespace mecha::state
