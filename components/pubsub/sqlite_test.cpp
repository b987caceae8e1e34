// pubsub.sqlite: the suite of all brokers, and what is peculiar to it: groups, keys over several processes, what dies with a
// process, what is kept and for how long. Two components on one file stand for two processes.
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "components/catalog.hpp"
#include "components/pubsub/sqlite_log.hpp"
#include "components/sqlite/connection_string.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/pubsub_suite.hpp"
#include "tests/run.hpp"

namespace mecha::pubsub {
void register_sqlite(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::pubsub;
using namespace std::chrono_literals;

namespace {

using Items = std::vector<std::pair<std::string, std::string>>;

// A folder that goes away with the test.
struct Folder {
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "mecha_pubsub_XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return path + "/m.db"; }
  std::string path;
};

std::shared_ptr<PubSub> make(Shards& shards, const std::string& file, Items more = {}) {
  Catalog catalog;
  register_sqlite(catalog);
  ComponentSpec spec{.name = "bus", .type = "pubsub.sqlite", .version = "v1"};
  more.insert(more.begin(), {{"connectionString", file}, {"retryInterval", "20ms"}});
  for (auto& [name, value] : more) spec.metadata.push_back({.name = name, .value = value});
  auto made = catalog.make(spec, {shards, "bus", "pubsub.sqlite", "app", "", {}});
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.has_value());
  return std::dynamic_pointer_cast<PubSub>(*made);
}

std::string refused_setting(const std::string& file, const std::string& name, const std::string& value) {
  Catalog catalog;
  register_sqlite(catalog);
  ComponentSpec spec{.name = "bus", .type = "pubsub.sqlite", .version = "v1"};
  spec.metadata = {{.name = "connectionString", .value = file}, {.name = name, .value = value}};
  Shards shards(1);
  const auto made = catalog.make(spec, {shards, "bus", "pubsub.sqlite", "app", "", {}});
  return made ? std::string() : made.error().message;
}

std::string start_error(const std::string& connection) {
  Shards shards(1);
  const auto bus = make(shards, connection);
  const auto started = testing::run(shards.context(0), bus->start());
  testing::run(shards.context(0), bus->stop());
  return started ? std::string() : started.error().message;
}

struct Seen {
  std::vector<std::string> data;
  int failures = 0;
  std::chrono::milliseconds work{0};
  int begun = 0;
  bool held_up = false;  // work ends when this does
};

asio::awaitable<Verdict> see(Seen& seen, Message message) {
  ++seen.begun;
  while (seen.held_up) {
    if (!co_await sleep_for(5ms)) co_return Verdict::abandoned;
  }
  if (seen.work > 0ms && !co_await sleep_for(seen.work)) co_return Verdict::abandoned;
  if (seen.failures > 0) {
    --seen.failures;
    co_return Verdict::failed;
  }
  seen.data.push_back(std::move(message.data));
  co_return Verdict::done;
}

asio::awaitable<std::unique_ptr<Subscription>> subscribe(PubSub& bus, Seen& seen) {
  auto made = co_await bus.subscribe({"t", {}}, [&seen](Message m) { return see(seen, std::move(m)); });
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.has_value());
  co_return *std::move(made);
}

asio::awaitable<void> publish(PubSub& bus, std::string data, std::string key = {}) {
  PublishRequest request{"t", std::move(data), {}, Metadata{}};
  if (!key.empty()) (*request.metadata)["partitionKey"] = std::move(key);
  const auto sent = co_await bus.publish(std::move(request));
  INFO((sent ? std::string() : sent.error().message));
  REQUIRE(sent.has_value());
}

asio::awaitable<void> until(std::function<bool()> condition) {
  for (int i = 0; i < 4000 && !condition(); ++i) co_await sleep_for(5ms);
  CHECK(condition());
}

asio::awaitable<void> start(PubSub& bus) {
  const auto started = co_await bus.start();
  INFO((started ? std::string() : started.error().message));
  REQUIRE(started.has_value());
}

std::int64_t rows(const std::string& file, const std::string& table) {
  const auto connection = sqlite::Connection::open({.uri = "file:" + file});
  REQUIRE(connection.has_value());
  const auto found = (*connection)->query("SELECT COUNT(*) FROM " + table);
  REQUIRE(found.has_value());
  return found->front().integer(0);
}

using Bus = std::shared_ptr<PubSub>;

// `one` and `two` share a group, `third` is another.
asio::awaitable<void> groups(Bus one, Bus two, Bus third, std::string file) {
  for (const auto& bus : {one, two, third}) co_await start(*bus);
  co_await publish(*third, "before");
  Seen a, b, c;
  auto first = co_await subscribe(*one, a), second = co_await subscribe(*two, b);
  co_await until([&] { return a.data.size() + b.data.size() == 1; });  // the first group finds what was there
  auto late = co_await subscribe(*third, c);
  a.held_up = b.held_up = true;
  a.begun = b.begun = 0;
  for (int i = 0; i < 40; ++i) co_await publish(*one, std::to_string(i));
  co_await until([&] { return a.begun == 1 && b.begun == 1; });  // both take part
  a.held_up = b.held_up = false;
  co_await until([&] { return a.data.size() + b.data.size() == 41 && c.data.size() == 40; });
  CHECK(c.data.front() == "0");  // a later group begins with what comes then
  co_await until([&] { return rows(file, "pubsub_messages") == 0; });
  CHECK(rows(file, "pubsub_deliveries") == 0);
  for (auto* s : {&first, &second, &late}) co_await (*s)->stop(1s);
  for (const auto& bus : {one, two, third}) co_await bus->stop();
}

// Two processes, failures in both: of a key nothing overtakes.
asio::awaitable<void> keys(Bus one, Bus two) {
  co_await start(*one);
  co_await start(*two);
  std::string order;
  int calls = 0;
  const Handler handler = [&](Message m) -> asio::awaitable<Verdict> {
    return [](std::string& out, int& n, std::string data) -> asio::awaitable<Verdict> {
      co_await sleep_for(2ms);
      if (++n % 3 == 0) co_return Verdict::failed;
      out += data;
      co_return Verdict::done;
    }(order, calls, std::move(m.data));
  };
  auto first = co_await one->subscribe({"t", {}}, handler), second = co_await two->subscribe({"t", {}}, handler);
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  for (int i = 0; i < 10; ++i) co_await publish(i % 2 == 0 ? *one : *two, std::to_string(i), "k");
  co_await until([&] { return order.size() == 10; });
  CHECK(order == "0123456789");
  co_await (*first)->stop(1s);
  co_await (*second)->stop(1s);
  co_await one->stop();
  co_await two->stop();
}

// What a process held when it died comes again when its time is over, and what stands behind it waits for it.
asio::awaitable<void> dead_holder(Bus bus, std::string file) {
  co_await start(*bus);
  auto opened = co_await SqliteLog::open(*sqlite::parse_connection_string(file));
  REQUIRE(opened.has_value());
  const auto log = *std::move(opened);
  const auto consumer = co_await log->enter("t", "app");
  REQUIRE(consumer.has_value());
  co_await publish(*bus, "0", "k");
  co_await publish(*bus, "1", "k");
  const auto taken = co_await log->claim(*consumer, "dead", 10, 1h);
  REQUIRE(taken.has_value());
  CHECK(taken->size() == 1);
  Seen seen;
  auto subscription = co_await subscribe(*bus, seen);
  co_await sleep_for(50ms);
  CHECK(seen.data.empty());
  const auto over = co_await log->renew(*consumer, "dead", {taken->front().id}, 0ms);
  CHECK(over.has_value());
  co_await until([&] { return seen.data.size() == 2; });
  CHECK(seen.data == std::vector<std::string>{"0", "1"});
  const auto late = co_await log->done(*consumer, "dead", taken->front().id, "k");  // not its own any more
  CHECK(late.has_value());
  co_await subscription->stop(1s);
  co_await bus->stop();
}

// Work that takes longer than the visibility is not handed to another.
asio::awaitable<void> long_work(Bus one, Bus two) {
  co_await start(*one);
  co_await start(*two);
  Seen a{.work = 1500ms}, b{.work = 1500ms};
  auto first = co_await subscribe(*one, a), second = co_await subscribe(*two, b);
  co_await publish(*one, "x");
  co_await until([&] { return a.data.size() + b.data.size() == 1; });
  co_await sleep_for(250ms);
  CHECK(a.data.size() + b.data.size() == 1);
  co_await first->stop(1s);
  co_await second->stop(1s);
  co_await one->stop();
  co_await two->stop();
}

std::int64_t change(const std::string& file, const std::string& sql) {
  const auto connection = sqlite::Connection::open({.uri = "file:" + file, .busy_timeout = 10s});
  REQUIRE(connection.has_value());
  const auto changed = (*connection)->execute(sql);
  INFO((changed ? std::string() : changed.error().message));
  REQUIRE(changed.has_value());
  return *changed;
}

// The computer slept: the time of a hold is over before the hold could be renewed.
asio::awaitable<void> slept(Bus bus, std::string file) {
  co_await start(*bus);
  Seen seen{.held_up = true};
  auto subscription = co_await subscribe(*bus, seen);
  co_await publish(*bus, "x");
  co_await until([&] { return seen.begun == 1; });
  CHECK(change(file, "UPDATE pubsub_deliveries SET due = 0") == 1);
  co_await until([&] { return rows(file, "pubsub_deliveries WHERE attempts = 2") == 1; });
  co_await publish(*bus, "y");  // what came after it is there: so would be a second x
  co_await until([&] { return seen.begun >= 2; });
  seen.held_up = false;
  co_await until([&] { return rows(file, "pubsub_messages") == 0; });
  std::ranges::sort(seen.data);
  CHECK(seen.data == std::vector<std::string>{"x", "y"});
  co_await subscription->stop(1s);
  co_await bus->stop();
}

// Deleting an old message and letting go what stands behind it fail together.
asio::awaitable<void> old_before_new(std::string file) {
  auto opened = co_await SqliteLog::open(*sqlite::parse_connection_string(file));
  REQUIRE(opened.has_value());
  const auto log = *std::move(opened);
  const auto consumer = co_await log->enter("t", "app");
  REQUIRE(consumer.has_value());
  for (const std::string data : {"old", "new"}) {
    const auto added = co_await log->append({"t", data, {}, Metadata{{"partitionKey", "k"}}});
    CHECK(added.has_value());
  }
  CHECK(change(file, "UPDATE pubsub_messages SET created = 0 WHERE data = 'old'") == 1);
  (void)change(file, "CREATE TRIGGER broken BEFORE UPDATE ON pubsub_deliveries BEGIN SELECT RAISE(ABORT, 'broken'); END");
  const auto failed = co_await log->expire(1h);
  CHECK_FALSE(failed.has_value());
  (void)change(file, "DROP TRIGGER broken");
  CHECK(rows(file, "pubsub_messages") == 2);
  CHECK(co_await log->expire(1h) == 1);
  const auto taken = co_await log->claim(*consumer, "me", 10, 1h);
  REQUIRE(taken.has_value());
  REQUIRE(taken->size() == 1);
  CHECK(taken->front().message.data == "new");
}

asio::awaitable<void> last_delivery(Bus bus, std::string file) {
  co_await start(*bus);
  Seen seen{.failures = 1000};
  auto subscription = co_await subscribe(*bus, seen);
  co_await publish(*bus, "poison");
  co_await until([&] { return rows(file, "pubsub_messages") == 0; });
  CHECK(seen.failures == 997);
  co_await subscription->stop(1s);
  co_await bus->stop();
}

asio::awaitable<void> too_old(Bus writer, Bus cleaner, std::string file) {
  co_await start(*writer);
  for (int i = 0; i < 3; ++i) co_await publish(*writer, "x", "k");
  CHECK(rows(file, "pubsub_messages") == 3);
  co_await sleep_for(20ms);
  co_await start(*cleaner);
  co_await until([&] { return rows(file, "pubsub_messages") == 0; });
  co_await writer->stop();
  co_await cleaner->stop();
}

}  // namespace

TEST_CASE("pubsub.sqlite keeps the broker contract", "[pubsub][sqlite]") {
  const Folder folder;
  conformance::pubsub_contract({.make = [&](Shards& shards) { return make(shards, folder.file()); }, .redelivers_failed = true});
}

TEST_CASE("groups on SQLite: one subscriber of each handles a message", "[pubsub][sqlite]") {
  const Folder folder;
  Shards shards(1);
  // Nobody would look by himself in time: what wakes them is the touch of the file.
  const Items patient{{"pollInterval", "1h"}, {"concurrency", "1"}};
  auto third = patient;
  third.emplace_back("consumerID", "others");
  testing::run(shards.context(0), groups(make(shards, folder.file(), patient), make(shards, folder.file(), patient), make(shards, folder.file(), third), folder.file()), 40s);
}

TEST_CASE("a key on SQLite is in order over processes and failures", "[pubsub][sqlite]") {
  const Folder folder;
  Shards shards(1);
  testing::run(shards.context(0), keys(make(shards, folder.file()), make(shards, folder.file())), 40s);
}

TEST_CASE("a message on SQLite whose holder died comes again", "[pubsub][sqlite]") {
  const Folder folder;
  Shards shards(1);
  testing::run(shards.context(0), dead_holder(make(shards, folder.file(), {{"pollInterval", "20ms"}}), folder.file()), 40s);
}

TEST_CASE("a message on SQLite stays with who works on it", "[pubsub][sqlite]") {
  const Folder folder;
  Shards shards(1);
  const Items brief{{"visibilityTimeout", "1s"}, {"pollInterval", "20ms"}};
  testing::run(shards.context(0), long_work(make(shards, folder.file(), brief), make(shards, folder.file(), brief)), 40s);
}

TEST_CASE("a message on SQLite in hand is not begun again when its time was over", "[pubsub][sqlite]") {
  const Folder folder;
  Shards shards(1);
  testing::run(shards.context(0), slept(make(shards, folder.file(), {{"visibilityTimeout", "1h"}, {"pollInterval", "10ms"}}), folder.file()), 40s);
}

TEST_CASE("a message on SQLite behind an old one is never left behind", "[pubsub][sqlite]") {
  const Folder folder;
  Shards shards(1);
  testing::run(shards.context(0), old_before_new(folder.file()), 40s);
}

TEST_CASE("a message on SQLite that fails for ever is dropped if asked for", "[pubsub][sqlite]") {
  const Folder folder;
  Shards shards(1);
  testing::run(shards.context(0), last_delivery(make(shards, folder.file(), {{"maxDeliveries", "3"}}), folder.file()), 40s);
}

TEST_CASE("messages on SQLite go when they are too old", "[pubsub][sqlite]") {
  const Folder folder;
  Shards shards(1);
  testing::run(shards.context(0), too_old(make(shards, folder.file()), make(shards, folder.file(), {{"retention", "10ms"}}), folder.file()), 40s);
}

TEST_CASE("what pubsub.sqlite cannot use is refused", "[pubsub][sqlite]") {
  CHECK_THAT(start_error(":memory:"), Catch::Contains("a file that may be written is needed"));
  CHECK_THAT(start_error("/proc/none/m.db"), Catch::Contains("sqlite pubsub: opening /proc/none/m.db: unable to open database file"));
  const Folder folder;
  CHECK_THAT(refused_setting(folder.file(), "retention", "-1h"), Catch::Contains("retention must be between 0s and 87600h0m0s, got -1h"));
  CHECK_THAT(refused_setting(folder.file(), "busyTimeout", "-1s"), Catch::Contains("busyTimeout must be between 0s and 1h0m0s, got -1s"));
  const auto connection = sqlite::Connection::open({.uri = "file:" + folder.file()});
  REQUIRE((*connection)->script("CREATE TABLE pubsub_layout (version TEXT); INSERT INTO pubsub_layout VALUES ('99')").has_value());
  CHECK_THAT(start_error(folder.file()), Catch::Contains("has layout 99 of another version"));
}
