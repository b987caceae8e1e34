#include "components/nameresolution/dns_message.hpp"

#include "runtime/base/text.hpp"

namespace mecha::nameresolution::dns {
namespace {

constexpr std::size_t kLabelMax = 63, kNameMax = 255, kHead = 12;

std::unexpected<Error> malformed() { return fail(Code::invalid_argument, "malformed DNS message"); }

class Parser {
 public:
  explicit Parser(std::string_view bytes) : bytes_(bytes) {}

  Result<std::uint16_t> u16() {
    if (bytes_.size() - at_ < 2) return malformed();
    const auto value = static_cast<std::uint16_t>(byte(at_) << 8 | byte(at_ + 1));
    at_ += 2;
    return value;
  }

  // A name, which may go on at an earlier place; each jump must lead further back, so that it ends.
  Result<std::string> name() {
    std::string name;
    std::size_t at = at_, jump_limit = at_;
    bool jumped = false;
    for (;;) {
      if (at >= bytes_.size()) return malformed();
      const unsigned length = byte(at++);
      if (length == 0) break;
      if ((length & 0xc0U) == 0xc0U) {
        if (at >= bytes_.size()) return malformed();
        const std::size_t target = (length & 0x3fU) << 8 | byte(at++);
        if (!jumped) at_ = at;
        if (target >= jump_limit) return malformed();
        jumped = true;
        at = jump_limit = target;
        continue;
      }
      if (length > kLabelMax || bytes_.size() - at < length || name.size() + length + 1 > kNameMax) return malformed();
      name.append(bytes_.substr(at, length)).append(".");
      at += length;
    }
    if (!jumped) at_ = at;
    return name;
  }

  Result<Question> question() {
    Question question;
    MECHA_TRY(question.name, name());
    MECHA_TRY(question.type, u16());
    MECHA_TRY(question.cls, u16());
    return question;
  }

  // Adds the record unless its type is of no interest.
  Result<void> record(std::vector<Record>& into) {
    Record record;
    MECHA_TRY(record.name, name());
    MECHA_TRY(record.type, u16());
    MECHA_TRY(record.cls, u16());
    MECHA_TRY(const std::uint32_t high, u16());
    MECHA_TRY(const std::uint32_t low, u16());
    record.ttl = high << 16 | low;
    MECHA_TRY(const std::size_t length, u16());
    if (bytes_.size() - at_ < length) return malformed();
    const auto end = at_ + length;
    MECHA_TRY(const bool wanted, data(record, end));
    at_ = end;
    if (wanted) into.push_back(std::move(record));
    return {};
  }

 private:
  unsigned byte(std::size_t at) const { return static_cast<unsigned char>(bytes_[at]); }

  Result<bool> data(Record& record, std::size_t end) {
    switch (record.type) {
      case kPtr: {
        MECHA_TRY(record.target, name());
        break;
      }
      case kSrv: {
        MECHA_TRY([[maybe_unused]] const auto priority, u16());
        MECHA_TRY([[maybe_unused]] const auto weight, u16());
        MECHA_TRY(record.port, u16());
        MECHA_TRY(record.target, name());
        break;
      }
      case kTxt:
        while (at_ < end) {
          const std::size_t length = byte(at_++);
          if (end - at_ < length) return malformed();
          record.texts.emplace_back(bytes_.substr(at_, length));
          at_ += length;
        }
        break;
      case kA:
      case kAaaa:
        if (end - at_ != (record.type == kA ? 4U : 16U)) return malformed();
        record.address = bytes_.substr(at_, end - at_);
        at_ = end;
        break;
      default: return false;
    }
    if (at_ > end) return malformed();
    return true;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

Result<void> put_name(std::string& out, std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() + 2 > kNameMax) return fail(Code::invalid_argument, "the name is too long for DNS: " + std::string(name));
  for (const auto label : text::split(name, '.')) {
    if (label.empty() || label.size() > kLabelMax) {
      return fail(Code::invalid_argument, "no name for DNS: " + std::string(name));
    }
    out += static_cast<char>(label.size());
    out.append(label);
  }
  out += '\0';
  return {};
}

Result<std::string> data_of(const Record& record) {
  std::string data;
  switch (record.type) {
    case kSrv: {
      data.append(4, '\0');
      put16(data, record.port);
      MECHA_TRY_VOID(put_name(data, record.target));
      break;
    }
    case kPtr: {
      MECHA_TRY_VOID(put_name(data, record.target));
      break;
    }
    case kTxt:
      for (const auto& text : record.texts) {
        if (text.size() > 255) return fail(Code::invalid_argument, "the text is too long for DNS: " + text);
        data += static_cast<char>(text.size());
        data += text;
      }
      break;
    default: data = record.address;
  }
  return data;
}

Result<void> put_record(std::string& out, const Record& record) {
  MECHA_TRY_VOID(put_name(out, record.name));
  put16(out, record.type);
  put16(out, record.cls);
  put16(out, record.ttl >> 16);
  put16(out, record.ttl & 0xffffU);
  MECHA_TRY(const auto data, data_of(record));
  put16(out, data.size());
  out += data;
  return {};
}

}  // namespace

Result<Message> parse(std::string_view bytes) {
  if (bytes.size() < kHead) return malformed();
  Parser parser(bytes);
  Message message;
  MECHA_TRY(message.id, parser.u16());
  MECHA_TRY(message.flags, parser.u16());
  MECHA_TRY(const unsigned questions, parser.u16());
  std::uint16_t counts[3];
  for (auto& count : counts) {
    MECHA_TRY(count, parser.u16());
  }
  for (unsigned i = 0; i < questions; ++i) {
    MECHA_TRY(auto question, parser.question());
    message.questions.push_back(std::move(question));
  }
  std::vector<Record>* sections[] = {&message.answers, &message.authorities, &message.additionals};
  for (int section = 0; section < 3; ++section) {
    for (unsigned i = 0; i < counts[section]; ++i) MECHA_TRY_VOID(parser.record(*sections[section]));
  }
  return message;
}

Result<std::string> write(const Message& message) {
  std::string out;
  put16(out, message.id);
  put16(out, message.flags);
  put16(out, message.questions.size());
  put16(out, message.answers.size());
  put16(out, message.authorities.size());
  put16(out, message.additionals.size());
  for (const auto& question : message.questions) {
    MECHA_TRY_VOID(put_name(out, question.name));
    put16(out, question.type);
    put16(out, question.cls);
  }
  for (const auto* section : {&message.answers, &message.authorities, &message.additionals}) {
    for (const auto& record : *section) MECHA_TRY_VOID(put_record(out, record));
  }
  return out;
}

bool same_name(std::string_view a, std::string_view b) { return text::equals_nocase(a, b); }

}  // namespace mecha::nameresolution::dns
