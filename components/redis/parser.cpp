#include "components/redis/parser.hpp"

#include <algorithm>
#include <charconv>

#include <hiredis/read.h>

#include "runtime/base/text.hpp"

namespace mecha::redis {
namespace {

// What an array announces is believed no further than this before it comes.
constexpr std::size_t kReservedMost = 1024;

// Where the reply of a task goes: a new one at the root, else its place in the array that holds it. An array grows as its items
// come; the items before are finished then, so that nothing points to where they were.
Reply* place(const redisReadTask* task) {
  if (task->parent == nullptr) return new Reply;
  auto& items = static_cast<Reply*>(task->parent->obj)->items;
  const auto at = static_cast<std::size_t>(task->idx);
  if (items.size() <= at) items.resize(at + 1);
  return &items[at];
}

void* make_text(const redisReadTask* task, char* text, std::size_t size) {
  auto* reply = place(task);
  reply->type = task->type == REDIS_REPLY_ERROR    ? Reply::Type::error
                : task->type == REDIS_REPLY_STATUS ? Reply::Type::status
                                                   : Reply::Type::text;
  reply->text.assign(text, size);
  return reply;
}

void* make_array(const redisReadTask* task, int size) {
  auto* reply = place(task);
  reply->type = Reply::Type::array;
  if (size > 0) reply->items.reserve(std::min(static_cast<std::size_t>(size), kReservedMost));
  return reply;
}

void* make_integer(const redisReadTask* task, long long value) {
  auto* reply = place(task);
  reply->type = Reply::Type::integer;
  reply->integer = value;
  return reply;
}

void* make_nil(const redisReadTask* task) { return place(task); }

// Called for roots only: elements belong to their array.
void free_reply(void* reply) { delete static_cast<Reply*>(reply); }

redisReplyObjectFunctions functions{make_text, make_array, make_integer, make_nil, free_reply};

void append_number(std::string& out, char kind, std::size_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  out += kind;
  out.append(digits, end).append("\r\n");
}

}  // namespace

Command& Command::add(std::string_view argument) {
  append_number(body_, '$', argument.size());
  body_.append(argument).append("\r\n");
  ++count_;
  return *this;
}

void Command::append_to(std::string& out) const {
  append_number(out, '*', count_);
  out.append(body_);
}

std::optional<std::string_view> Command::argument(std::size_t number) const {
  std::string_view rest = body_;
  for (;; --number) {  // "$3\r\nGET\r\n" each
    const auto line = rest.find('\r');
    if (line == std::string_view::npos) return std::nullopt;
    const auto size = static_cast<std::size_t>(text::to_uint(rest.substr(1, line - 1)).value_or(0));
    if (number == 0) return rest.substr(line + 2, size);
    rest.remove_prefix(line + 2 + size + 2);
  }
}

Result<Reply> checked(Reply reply) {
  if (reply.is_error()) return fail(Code::unknown, std::move(reply.text));
  return reply;
}

struct Parser::Reader {
  redisReader* reader = redisReaderCreateWithFunctions(&functions);
  ~Reader() { redisReaderFree(reader); }
};

Parser::Parser() : reader_(std::make_unique<Reader>()) {}
Parser::~Parser() = default;

void Parser::feed(std::string_view bytes) {
  redisReaderFeed(reader_->reader, bytes.data(), bytes.size());
}

Result<std::optional<Reply>> Parser::next() {
  void* reply = nullptr;
  if (redisReaderGetReply(reader_->reader, &reply) != REDIS_OK) {
    return fail(Code::unavailable, std::string("redis: ") + reader_->reader->errstr);
  }
  if (reply == nullptr) return std::nullopt;
  const std::unique_ptr<Reply> owned(static_cast<Reply*>(reply));
  return std::optional<Reply>(std::move(*owned));
}

}  // namespace mecha::redis
