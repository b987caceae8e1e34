// Output binding on PostgreSQL: statements of the caller (contract 03, 5.6).

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include "components/bindings/binding.hpp"
#include "components/bindings/postgresql_values.hpp"
#include "components/bindings/sql_request.hpp"
#include "components/catalog.hpp"
#include "components/postgresql/pool.hpp"
#include "runtime/async/on_shard.hpp"

namespace mecha::bindings {
namespace {

using postgresql::Answer;
using postgresql::Connection;
using postgresql::Statement;

// Only the server knows whether a list is meant as an array or as JSON.
Async<Answer> run(Connection* connection, SqlRequest request) {
  Statement statement{.sql = std::move(request.sql), .params = {}};
  std::vector<std::uint32_t> types;
  if (std::ranges::any_of(request.params, [](const json::Value& value) { return value.is_array(); })) {
    MECHA_CO_TRY(types, co_await connection->parameter_types(statement.sql));
  }
  types.resize(request.params.size());
  for (std::size_t i = 0; i < types.size(); ++i) statement.params.push_back(to_parameter(request.params[i], types[i]));
  statement.script = request.operation == "exec" && request.params.empty();
  co_return co_await connection->run(std::move(statement));
}

class PostgresBinding final : public Binding, public OutputBinding {
 public:
  using Settings = postgresql::ConnectionSettings;
  static constexpr ComponentInfo info{"bindings.postgresql", "v1", "Statements on a PostgreSQL server.", {"bindings.postgres"}};

  PostgresBinding(Settings settings, const ComponentContext& context) : settings_(std::move(settings)), shards_(context.shards) {}

  OutputBinding* output() override { return this; }
  std::vector<std::string> operations() const override { return {"exec", "query", "close"}; }

  static Result<postgresql::Options> check(const Settings& settings) { return postgresql::resolve(settings); }

  Async<void> start() override {
    MECHA_CO_TRY(auto options, check(settings_));
    pool_ = std::make_unique<postgresql::Pool>(shards_, std::move(options));
    MECHA_CO_TRY_VOID(co_await pool_->run({.sql = "SELECT 1", .params = {}}));
    co_return Result<void>{};
  }

  Async<void> stop() override {
    if (pool_) co_await pool_->close();
    co_return Result<void>{};
  }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    if (request.operation == "close") {
      closed_ = true;
      co_await on_shard(shards_.executor(0), pool_->close());
      co_return no_answer();
    }
    if (closed_) co_return failure({.code = Code::failed_precondition, .message = "binding is closed"});
    auto asked = read_sql_request(request);
    if (!asked) co_return failure(std::move(asked).error());
    auto done = co_await pool_->with<Answer>([asked = *asked](Connection& connection) { return run(&connection, asked); });
    if (!done) co_return failure(std::move(done).error().context("error executing query"));
    auto told = asked->told();
    if (request.operation == "query") co_return answer(write_rows(*done), std::move(told));
    told["rows-affected"] = std::to_string(done->changed);
    co_return answer({}, std::move(told));
  }

 private:
  const Settings settings_;
  Shards& shards_;
  std::unique_ptr<postgresql::Pool> pool_;
  std::atomic<bool> closed_ = false;
};

}  // namespace

void register_postgresql(Catalog& catalog) { catalog.add<PostgresBinding>(); }

}  // namespace mecha::bindings
