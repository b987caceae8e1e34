#include "components/nats/protocol.hpp"

#include <algorithm>
#include <vector>

#include "runtime/base/text.hpp"

namespace mecha::nats {
namespace {

constexpr std::size_t kLineMost = 1u << 20;    // of a control line; INFO can be long
constexpr std::uint64_t kPayloadMost = 64u << 20;

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> found;
  for (const auto word : text::split(line, ' ')) {
    if (!word.empty()) found.push_back(word);
  }
  return found;
}

std::unexpected<Error> broken() { return fail(Code::internal, "the NATS server sent something else than its protocol"); }

}  // namespace

int Item::status() const {
  if (!headers.starts_with("NATS/1.0 ")) return 0;
  const auto rest = std::string_view(headers).substr(9);
  return static_cast<int>(text::to_int(rest.substr(0, rest.find_first_of(" \r"))).value_or(0));
}

std::string_view Item::header(std::string_view name) const {
  std::string_view rest = headers;
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && text::equals_nocase(line.substr(0, colon), name)) return text::trim(line.substr(colon + 1));
  }
  return {};
}

void ItemReader::consume(std::size_t size) {
  at_ += size;
  if (at_ == bytes_.size() || at_ > 65536) {
    bytes_.erase(0, at_);
    at_ = 0;
  }
}

Result<std::optional<Item>> ItemReader::next() {
  const auto rest = std::string_view(bytes_).substr(at_);
  const auto end = rest.find("\r\n");
  if (end == std::string_view::npos) {
    if (rest.size() > kLineMost) return broken();
    return std::optional<Item>();
  }
  const auto line = rest.substr(0, end);
  const auto name = text::upper(line.substr(0, line.find_first_of(" \t")));
  if (name == "MSG") return read_message(line, end + 2, false);
  if (name == "HMSG") return read_message(line, end + 2, true);
  Item item;
  if (name == "INFO") item.kind = Kind::info;
  else if (name == "PING") item.kind = Kind::ping;
  else if (name == "PONG") item.kind = Kind::pong;
  else if (name == "+OK") item.kind = Kind::ok;
  else if (name == "-ERR") item.kind = Kind::error;
  else return broken();
  item.text = text::trim(line.substr(name.size()));
  consume(end + 2);
  return std::optional<Item>(std::move(item));
}

// MSG subject sid [reply] size; HMSG subject sid [reply] header-size size.
Result<std::optional<Item>> ItemReader::read_message(std::string_view line, std::size_t line_end, bool with_headers) {
  const auto all = words(line);
  const std::size_t numbers = with_headers ? 2 : 1, least = 3 + numbers;
  if (all.size() < least || all.size() > least + 1) return broken();
  const auto subscription = text::to_uint(all[2]), size = text::to_uint(all.back());
  const auto head = with_headers ? text::to_uint(all[all.size() - 2]) : std::optional<std::uint64_t>(0);
  if (!subscription || !size || !head || *head > *size || *size > kPayloadMost) return broken();
  const auto rest = std::string_view(bytes_).substr(at_ + line_end);
  if (rest.size() < *size + 2) return std::optional<Item>();
  if (rest.substr(*size, 2) != "\r\n") return broken();
  Item item{.kind = Kind::message, .subject = std::string(all[1]), .subscription = *subscription};
  if (all.size() > least) item.reply = all[3];
  item.headers = rest.substr(0, *head);
  item.text = rest.substr(*head, *size - *head);
  consume(line_end + *size + 2);
  return std::optional<Item>(std::move(item));
}

std::string write_publish(std::string_view subject, std::string_view reply, std::string_view headers, std::string_view payload) {
  std::string out = headers.empty() ? "PUB " : "HPUB ";
  out += subject;
  out += ' ';
  if (!reply.empty()) out.append(reply) += ' ';
  if (!headers.empty()) out += std::to_string(headers.size()) + ' ';
  out += std::to_string(headers.size() + payload.size()) + "\r\n";
  out.append(headers).append(payload) += "\r\n";
  return out;
}

bool is_subject(std::string_view subject) {
  return !subject.empty() && std::ranges::none_of(subject, [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

}  // namespace mecha::nats
