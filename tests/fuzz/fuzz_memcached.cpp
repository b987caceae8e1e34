// Answers of memcached: they come out the same however the bytes are cut, each to the command that it belongs to.

#include <cstddef>
#include <cstdint>
#include <string>

#include "components/memcached/protocol.hpp"
#include "runtime/base/check.hpp"
#include "tests/fuzz/cut.hpp"

using namespace mecha;
using namespace mecha::memcached;

namespace {

// The commands that wait for answers, in turn.
class Waiting {
 public:
  explicit Waiting(std::uint8_t verbs) : verbs_(verbs) {}
  void feed(std::string_view bytes) { reader_.feed(bytes); }
  Result<std::optional<Answer>> next() {
    auto answer = reader_.next({.verb = static_cast<Verb>(verbs_ >> 2 * turn_ & 3), .key = "key"});
    if (answer && *answer) turn_ = (turn_ + 1) % 4;
    return answer;
  }

 private:
  AnswerReader reader_;
  std::uint8_t verbs_;
  int turn_ = 0;
};

std::string show(const Answer& answer) {
  if (!answer) return "error: " + answer.error().message;
  return *answer ? "value: " + **answer : "nothing";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = fuzz::read_in_pieces(Waiting(data[0]), bytes, bytes.size() + 1, show);
  const auto cut = fuzz::read_in_pieces(Waiting(data[0]), bytes, data[1] % 16 + 1u, show);
  MECHA_CHECK(cut.items == whole.items && cut.error.empty() == whole.error.empty());

  const std::string key(bytes.substr(0, 300));
  if (check_key(key)) {
    std::string command;
    append_to(command, {.verb = Verb::get, .key = key});
    MECHA_CHECK(command.find("\r\n") == command.size() - 2);
  }
  return 0;
}
