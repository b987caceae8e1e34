// Output binding on MySQL or MariaDB: statements of the caller (contract 03, 5.6).

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "components/bindings/binding.hpp"
#include "components/bindings/sql_request.hpp"
#include "components/catalog.hpp"
#include "components/mysql/pool.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha::bindings {
namespace {

using namespace std::chrono_literals;
using mysql::Connection;
using mysql::Kind;
using mysql::Table;
using std::chrono::milliseconds;

struct MysqlSettings {
  Secret url;
  std::string pem_path;
  int idle_count = 0, connections = 0;
  milliseconds lifetime{0}, idle{0};

  static constexpr auto fields() {
    using S = MysqlSettings;
    return std::tuple{
        field("url", &S::url, "user:password@tcp(host:port)/database?param=value.").required("missing MySql connection string"),
        field("pemPath", &S::pem_path, "File of authorities, for tls=custom."),
        field("maxIdleConns", &S::idle_count, "Connections that stay open without work, if above 0."),
        field("maxOpenConns", &S::connections, "Connections at most, if above 0; never more than 8."),
        field("connMaxLifetime", &S::lifetime, "A connection is closed after this, if above 0."),
        field("connMaxIdleTime", &S::idle, "An unused connection is closed after this, if above 0."),
    };
  }
};

mysql::Value to_parameter(const json::Value& value) {
  if (value.is_null()) return std::monostate();
  if (value.is_bool()) return std::int64_t{value.as_bool()};
  if (value.is_number()) return mysql::Literal{json::write(value)};
  return value.is_string() ? value.as_string() : json::write(value);
}

json::Value to_json(const std::string& text, Kind kind) {
  switch (kind) {
    case Kind::whole: return json::Number{text};
    case Kind::number: {
      const auto number = text::to_double(text);
      return number ? json::Value(json::Number{json::write(json::Value(*number))}) : json::Value(text);
    }
    case Kind::bytes: return text::base64(text);
    case Kind::time: {
      auto form = text.size() == 10 ? text + " 00:00:00" : text;
      if (form.starts_with("0000-00-00")) return "0001-01-01T00:00:00Z";
      if (form.size() > 10) form[10] = 'T';
      const auto instant = text::parse_instant(form + "Z");
      return instant ? json::Value(text::format_instant(*instant)) : json::Value(text);
    }
    case Kind::text: break;
  }
  return text;
}

// An array of objects by the names of the columns, without what is NULL; null if there are no rows.
std::string write_rows(const Table& table) {
  if (table.rows.empty()) return "null";
  json::Array rows;
  for (const auto& row : table.rows) {
    json::Object object;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i]) object[table.columns[i].name] = to_json(*row[i], table.columns[i].kind);
    }
    rows.emplace_back(std::move(object));
  }
  return json::write(json::Value(std::move(rows)), json::Dialect::number_text);
}

class MysqlBinding final : public Binding, public OutputBinding {
 public:
  using Settings = MysqlSettings;
  static constexpr ComponentInfo info{"bindings.mysql", "v1", "Statements on a MySQL or MariaDB server."};

  MysqlBinding(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), executor_(context.shards.executor(0)), gate_(executor_) {}

  OutputBinding* output() override { return this; }
  std::vector<std::string> operations() const override { return {"exec", "query", "close"}; }

  static Result<mysql::Options> check(const Settings& settings) {
    mysql::Options options{.dsn = {}, .ca_file = settings.pem_path};
    MECHA_TRY(options.dsn, mysql::parse_dsn(settings.url.reveal()));
    const bool custom = options.dsn.tls == mysql::Tls::custom;
    if (custom == settings.pem_path.empty()) return fail(Code::invalid_argument, "tls=custom and pemPath need each other");
    if (settings.idle_count > 0) options.idle_count_max = static_cast<std::size_t>(settings.idle_count);
    if (settings.connections > 0) options.connections_max = static_cast<std::size_t>(settings.connections);
    options.idle_max = std::max<milliseconds>(settings.idle, 0ms);
    options.lifetime_max = std::max<milliseconds>(settings.lifetime, 0ms);
    return options;
  }

  Async<void> start() override {
    MECHA_CO_TRY(auto options, check(settings_));
    const auto period = options.idle_max > 0ms && options.lifetime_max > 0ms ? std::min(options.idle_max, options.lifetime_max)
                                                                             : std::max(options.idle_max, options.lifetime_max);
    pool_ = std::make_unique<mysql::Pool>(std::move(options));
    auto answers = co_await pool_->run<Table>([](Connection& connection) { return connection.read("SELECT 1"); });
    if (!answers) co_return fail(std::move(answers).error().context("unable to ping the DB"));
    if (period > 0ms) spawn(gate_, executor_, sweep(std::max<milliseconds>(period, 1s)));
    co_return Result<void>{};
  }

  Async<void> stop() override {
    co_await gate_.close(0s);
    if (pool_ != nullptr) MECHA_CO_TRY_VOID(co_await run_aside("mysql-close", [this] { pool_->close(); }));
    pool_.reset();
    co_return Result<void>{};
  }
  bool forsaken() const override { return pool_ != nullptr && pool_->forsaken(); }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    if (request.operation == "close") {
      closed_ = true;
      pool_->close_idle(true);
      co_return no_answer();
    }
    if (closed_) co_return failure({.code = Code::failed_precondition, .message = "binding is closed"});
    auto asked = read_sql_request(request);
    if (!asked) co_return failure(std::move(asked).error());
    mysql::Params params;
    for (const auto& value : asked->params) params.push_back(to_parameter(value));
    auto table = co_await pool_->run<Table>([asked = *asked, params](Connection& connection) { return connection.read(asked.sql, params); });
    if (!table) co_return failure(std::move(table).error().context("error executing query"));
    auto told = asked->told();
    if (request.operation == "query") co_return answer(write_rows(*table), std::move(told));
    told["rows-affected"] = std::to_string(table->changed);
    co_return answer({}, std::move(told));
  }

 private:
  asio::awaitable<void> sweep(milliseconds period) {
    while (co_await sleep_for(period)) pool_->close_idle(false);
  }

  const Settings settings_;
  Executor executor_;
  std::unique_ptr<mysql::Pool> pool_;
  std::atomic<bool> closed_ = false;
  Gate gate_;
};

}  // namespace

void register_mysql(Catalog& catalog) { catalog.add<MysqlBinding>(); }

}  // namespace mecha::bindings
