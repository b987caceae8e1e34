#include "components/redis/sentinel.hpp"

#include <array>

#include "components/redis/dial.hpp"
#include "components/redis/parser.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/wire.hpp"

namespace mecha::redis {
namespace {

using namespace std::chrono_literals;

// After so long without a word a sentinel is asked again, in case that it is gone or cut off.
constexpr auto kSilence = 5s;
constexpr auto kAskLimit = 2s;
constexpr auto kPause = 500ms;

// "mymaster old-host old-port new-host new-port"
bool is_switch(const Reply& push, std::string_view name) {
  if (push.items.size() != 3 || push.items[0].text != "message") return false;
  return push.items[2].text.starts_with(std::string(name) + " ");
}

// What comes on a connection that has subscribed.
class Ear {
 public:
  explicit Ear(std::unique_ptr<net::Wire> wire) : wire_(std::move(wire)) {}

  Async<void> subscribe() {
    std::string bytes;
    Command("SUBSCRIBE", "+switch-master").append_to(bytes);
    MECHA_CO_TRY_VOID(co_await wire_->write(bytes));
    MECHA_CO_TRY(auto confirmed, co_await next());
    if (confirmed.is_error()) co_return fail(Code::unknown, std::move(confirmed.text));
    co_return Result<void>{};
  }

  Async<Reply> next() {
    for (;;) {
      MECHA_CO_TRY(auto reply, parser_.next());
      if (reply) co_return *std::move(reply);
      MECHA_CO_TRY(const auto size, co_await wire_->read_some(buffer_.data(), buffer_.size()));
      if (size == 0) co_return fail(Code::unavailable, "EOF");
      parser_.feed({buffer_.data(), size});
    }
  }

 private:
  std::unique_ptr<net::Wire> wire_;
  Parser parser_;
  std::array<char, 1024> buffer_;
};

// Until the sentinel is silent or gone. It is asked after it was told to tell, so that no change falls in between, and after
// each change for its epoch: one that is behind the others must not lead back.
Async<void> listen(std::shared_ptr<const Options> sentinel, const std::function<void(Master)>* tell) {
  MECHA_CO_TRY(auto wire, co_await within(kAskLimit, dial(sentinel)));
  Ear ear(std::move(wire));
  MECHA_CO_TRY_VOID(co_await within(kAskLimit, ear.subscribe()));
  for (;;) {
    MECHA_CO_TRY(auto master, co_await within(kAskLimit, ask_for_master(sentinel)));
    (*tell)(std::move(master));
    for (bool changed = false; !changed;) {
      MECHA_CO_TRY(const auto push, co_await within(kSilence, ear.next()));
      changed = is_switch(push, sentinel->master_name);
    }
  }
}

std::int64_t epoch_of(const Reply& fields) {  // name, value, name, value, ..
  for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
    if (fields.items[i].text == "config-epoch") return text::to_int(fields.items[i + 1].text).value_or(0);
  }
  return 0;
}

}  // namespace

Async<Master> ask_for_master(std::shared_ptr<const Options> options) {
  MECHA_CO_TRY(const auto wire, co_await dial(options));
  MECHA_CO_TRY(
      auto answer, co_await exchange(*wire, Command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", options->master_name))
  );
  MECHA_CO_TRY(const auto reply, checked(std::move(answer)));
  if (reply.items.size() == 2) {
    if (auto address = parse_address(reply.items[0].text + ":" + reply.items[1].text)) {
      MECHA_CO_TRY(const auto fields, co_await exchange(*wire, Command("SENTINEL", "MASTER", options->master_name)));
      co_return Master{.address = *std::move(address), .epoch = epoch_of(fields)};
    }
  }
  co_return fail(
      Code::unavailable, "redis: sentinel " + options->address() + " knows no master " + options->master_name
  );
}

asio::awaitable<void> watch_master(std::shared_ptr<const Options> options, std::function<void(Master)> tell) {
  for (std::size_t turn = 0;; turn = (turn + 1) % options->hosts.size()) {
    auto sentinel = std::make_shared<const Options>(sentinel_options_at(*options, options->hosts[turn]));
    const auto ended = co_await listen(std::move(sentinel), &tell);
    if (ended.error().failure != Failure::timeout && !co_await sleep_for(kPause)) co_return;
  }
}

}  // namespace mecha::redis
