#include "components/redis/dial.hpp"

#include <algorithm>
#include <array>

#include "components/redis/parser.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/wire.hpp"

namespace mecha::redis {
namespace {

using net::Wire;
using OptionsPtr = std::shared_ptr<const Options>;

// A limit for who asked for none: the kernel gives up long before.
constexpr milliseconds kNoLimit{600'000};

std::unexpected<Error> timed_out(const Options& options) {
  return fail(Error{
      .code = Code::unavailable,
      .message = "dial tcp " + options.address() + ": i/o timeout",
      .failure = Failure::never_sent});
}

// Who a sentinel named may have become a replica since. A user who may not ask has the server's READONLY left.
Async<void> check_master(Wire* stream, OptionsPtr options) {
  MECHA_CO_TRY(const auto role, co_await exchange(*stream, Command("ROLE")));
  if (!role.is_array() || role.items.empty() || role.items[0].text == "master") co_return Result<void>{};
  co_return fail(Error{
      .code = Code::unavailable,
      .message = "redis: " + options->address() + " is not the master",
      .failure = Failure::never_sent});
}

Async<std::unique_ptr<Wire>> open(OptionsPtr options) {
  net::Origin origin{.host = options->host, .port = options->port, .unix_path = options->unix_path};
  const auto limit = options->dial_timeout.count() == 0 ? kNoLimit : options->dial_timeout;
  MECHA_CO_TRY(auto stream, co_await net::Wire::dial(std::move(origin), options->tls, limit));
  if (!options->password.empty()) {
    Command auth("AUTH");
    if (!options->username.empty()) auth.add(options->username);
    auth.add(options->password);
    MECHA_CO_TRY(auto answer, co_await exchange(*stream, std::move(auth)));
    if (auto ok = checked(std::move(answer)); !ok) co_return fail(std::move(ok).error());
  }
  if (options->database != 0) {
    MECHA_CO_TRY(auto answer, co_await exchange(*stream, Command("SELECT", options->database)));
    if (auto ok = checked(std::move(answer)); !ok) co_return fail(std::move(ok).error());
  }
  if (options->must_be_master) MECHA_CO_TRY_VOID(co_await check_master(stream.get(), options));
  co_return stream;
}

}  // namespace

Async<Reply> exchange(Wire& stream, Command command) {
  std::string bytes;
  command.append_to(bytes);
  MECHA_CO_TRY_VOID(co_await stream.write(bytes));
  Parser parser;
  std::array<char, 4096> buffer;
  for (;;) {
    MECHA_CO_TRY(const auto size, co_await stream.read_some(buffer.data(), buffer.size()));
    if (size == 0) co_return fail(Code::unavailable, "EOF");
    parser.feed({buffer.data(), size});
    MECHA_CO_TRY(auto reply, parser.next());
    if (reply) co_return *std::move(reply);
  }
}

Async<std::unique_ptr<Wire>> dial(OptionsPtr options) {
  if (options->dial_timeout.count() == 0) co_return co_await open(std::move(options));
  auto stream = co_await within(options->dial_timeout, open(options));
  if (!stream && stream.error().failure == Failure::timeout) {
    co_return timed_out(*options);
  }
  co_return stream;
}

Async<std::unique_ptr<Wire>> dial_with_retries(OptionsPtr options) {
  auto wait = std::min(options->retry_min, options->retry_max);
  for (int attempt = 1;; ++attempt) {
    auto stream = co_await dial(options);
    // What the server itself refuses (a wrong password, too many clients) is not better for being asked again at once.
    if (stream || attempt >= options->attempts || is_server_error(stream.error())) co_return stream;
    if (wait.count() > 0 && !co_await sleep_for(wait)) {
      co_return fail(Code::cancelled, "context canceled");
    }
    wait = std::min(wait * 2, options->retry_max);
  }
}

}  // namespace mecha::redis
