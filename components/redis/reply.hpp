// Commands and replies of Redis (RESP 2). Values only.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::redis {

// A command in the form of the wire, built argument by argument:
//   Command("SET", key, value)        Command command("XADD", stream); command.add("*").add("data").add(data);
class Command {
 public:
  template <class... A>
  explicit Command(std::string_view name, const A&... arguments) {
    add(name);
    (add(arguments), ...);
  }
  Command& add(std::string_view argument);
  Command& add(std::int64_t number) { return add(std::string_view(std::to_string(number))); }
  Command& add(const char* argument) { return add(std::string_view(argument)); }
  Command& add(const std::string& argument) { return add(std::string_view(argument)); }
  Command& add(int number) { return add(static_cast<std::int64_t>(number)); }

  void append_to(std::string& out) const;
  std::size_t bytes() const { return body_.size() + 16; }
  // The argument of that number, 0 being the name; empty when there are fewer. Valid until the command changes.
  std::optional<std::string_view> argument(std::size_t number) const;

 private:
  std::string body_;
  std::size_t count_ = 0;
};

struct Reply {
  enum class Type : std::uint8_t { nil, status, error, integer, text, array };

  Type type = Type::nil;
  std::string text;           // of status, error and text
  std::int64_t integer = 0;
  std::vector<Reply> items;   // of an array

  bool is_nil() const { return type == Type::nil; }
  bool is_error() const { return type == Type::error; }
  bool is_array() const { return type == Type::array; }
  bool is_text() const { return type == Type::text || type == Type::status; }
  // The text of a text, the digits of an integer.
  std::string as_text() const { return type == Type::integer ? std::to_string(integer) : text; }
};

// A reply that is an error, as a failure with the server's words. Code `unknown` tells it from failures of the way there
// (unavailable, deadline_exceeded, cancelled, resource_exhausted).
Result<Reply> checked(Reply reply);
inline bool is_server_error(const Error& error) { return error.code == Code::unknown; }

}  // namespace mecha::redis
