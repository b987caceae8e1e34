// Configuration in a table of PostgreSQL, which its users make and fill; changes by the notifications of their trigger
// (contract 02, section 4.4).

#include <algorithm>
#include <memory>
#include <optional>

#include "components/catalog.hpp"
#include "components/configuration/configuration_store.hpp"
#include "components/configuration/postgresql_subscription.hpp"
#include "components/postgresql/pool.hpp"
#include "runtime/base/text.hpp"

namespace mecha::configuration {
namespace {

using postgresql::Row;

constexpr std::size_t kNameMax = 64;

struct PostgresSettings : postgresql::ConnectionSettings {
  std::string table, channel;

  static constexpr auto fields() {
    using S = PostgresSettings;
    return std::tuple_cat(
        postgresql::ConnectionSettings::fields(),
        std::tuple{
            field("table", &S::table, "Table with the columns key, value, version, metadata, in this order.")
                .required("missing postgreSQL configuration table name"),
            field("notifyChannel", &S::channel, "Channel of the notifications of changes; else the request's pgNotifyChannel.").aliases("pgNotifyChannel"),
        }
    );
  }
};

bool has_only(std::string_view text, bool capitals) {
  return std::ranges::all_of(text, [capitals](const char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '/' || c == '_' || (capitals && c >= 'A' && c <= 'Z');
  });
}

Result<void> check_names(const PostgresSettings& settings) {
  if (settings.table.size() > kNameMax) {
    return fail(
        Code::invalid_argument, "table name is too long - tableName : '" + settings.table + "'. max allowed field length is " + std::to_string(kNameMax)
    );
  }
  if (!has_only(settings.table, false)) return fail(Code::invalid_argument, "invalid table name '" + settings.table + "'. non-alphanumerics are not supported");
  if (!has_only(settings.channel, false)) return fail(Code::invalid_argument, "invalid notifyChannel '" + settings.channel + "'. non-alphanumerics are not supported");
  return {};
}

// What is no number comes last.
std::int64_t rank(const std::string& version) { return text::to_int(version).value_or(-1); }

// Of several rows with a key the one with the greatest version counts, of equal ones the first.
Items read_items(const std::vector<Row>& rows) {
  Items items;
  for (const auto& row : rows) {
    if (!row[0]) continue;
    Item item{.value = row[1].value_or(""), .version = row[2].value_or(""), .metadata = parse_metadata(row[3].value_or("null"))};
    const auto found = items.find(*row[0]);
    if (found == items.end()) items.emplace(*row[0], std::move(item));
    else if (rank(item.version) > rank(found->second.version)) found->second = std::move(item);
  }
  return items;
}

class PostgresConfiguration final : public ConfigurationStore {
 public:
  using Settings = PostgresSettings;
  static constexpr ComponentInfo info{
      "configuration.postgresql", "v1", "A table of PostgreSQL; changes by the notifications of a trigger.", {"configuration.postgres"}};

  PostgresConfiguration(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), shards_(context.shards), log_(context.log) {}

  static Result<postgresql::Options> check(const Settings& settings) {
    MECHA_TRY_VOID(check_names(settings));
    return postgresql::resolve(settings);
  }

  Async<void> start() override {
    MECHA_CO_TRY(auto options, check(settings_));
    pool_ = std::make_unique<postgresql::Pool>(shards_, std::move(options));
    auto found = co_await pool_->run({.sql = "SELECT 1 FROM pg_tables WHERE tablename = $1", .params = {settings_.table}});
    if (!found) co_return fail(std::move(found).error().context("error connecting to configuration store"));
    if (found->rows.empty()) co_return fail(Code::not_found, "postgreSQL configuration table '" + settings_.table + "' does not exist");
    co_return Result<void>{};
  }

  Async<void> stop() override {
    if (pool_) co_await pool_->close();
    co_return Result<void>{};
  }

  std::string unknown_subscription(const std::string& id) const override { return "unable to find subscription with ID : " + id; }

  Async<Items> get(StoreRequest request) override {
    postgresql::Statement statement{.sql = "SELECT * FROM " + settings_.table, .params = {}};
    for (const auto& key : request.keys) {
      if (!has_only(key, true)) co_return fail(Code::invalid_argument, "invalid key : '" + key + "'");
    }
    if (!request.keys.empty()) {
      // The keys need no escapes: see above.
      statement.sql += " WHERE KEY = ANY($1::text[])";
      statement.params.emplace_back("{\"" + text::join(request.keys, "\",\"") + "\"}");
    }
    MECHA_CO_TRY(const auto answer, co_await pool_->run(std::move(statement)));
    if (answer.columns.size() < 4) co_return fail(Code::failed_precondition, "table " + settings_.table + " needs the columns key, value, version, metadata");
    co_return read_items(answer.rows);
  }

  Async<std::unique_ptr<Subscription>> subscribe(StoreRequest request, Handler handler) override {
    auto channel = settings_.channel;
    for (const auto& [name, value] : request.metadata) {
      if (channel.empty() && text::equals_nocase(name, "pgNotifyChannel")) channel = value;
    }
    if (channel.empty()) {
      co_return fail(Code::invalid_argument, "unable to subscribe to '" + settings_.table + "'.pgNotifyChannel attribute cannot be empty");
    }
    const auto executor = co_await asio::this_coro::executor;
    auto made = std::make_unique<PostgresSubscription>(
        executor, pool_->options(), log_, std::move(channel), std::set<std::string>(request.keys.begin(), request.keys.end()), std::move(handler)
    );
    if (auto started = co_await made->start(); !started) {
      co_await made->stop();
      co_return fail(std::move(started).error());
    }
    co_return made;
  }

 private:
  const Settings settings_;
  Shards& shards_;
  const Log log_;
  std::unique_ptr<postgresql::Pool> pool_;
};

}  // namespace

void register_postgresql(Catalog& catalog) { catalog.add<PostgresConfiguration>(); }

}  // namespace mecha::configuration
