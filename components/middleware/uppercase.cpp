// middleware.http.uppercase: bodies in upper case (contract 01, 7.2).

#include "components/middleware/uppercase.hpp"

#include <algorithm>

#include "components/catalog.hpp"
#include "components/middleware/uppercase_table.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_utf8.hpp"

namespace mecha::middleware {
namespace {

constexpr std::size_t kSequenceMax = 4;

// Bytes of the sequence that `lead` begins; 1 for what begins none.
std::size_t sequence_size(unsigned char lead) {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 1;
}

char32_t upper(char32_t point) {
  const auto it = std::ranges::lower_bound(kCaseRanges, point, {}, &CaseRange::last);
  if (it == kCaseRanges.end() || point < it->first || (point - it->first) % it->step != 0) return point;
  return static_cast<char32_t>(static_cast<std::int32_t>(point) + it->shift);
}

struct UppercaseSettings {
  Rest items;

  // The item's name is compared exactly, unlike all others (contract 01, 7.1).
  static constexpr auto fields() {
    using S = UppercaseSettings;
    return std::tuple{field(
        "direction", &S::items,
        "Bodies that are changed: `request` (the default, and for any other text), `response`, `both`. Upper and lower "
        "case of the name count."
    )};
  }
};

class Uppercase final : public Middleware {
 public:
  using Settings = UppercaseSettings;
  static constexpr ComponentInfo info{"middleware.http.uppercase", "v1", "Bodies in upper case."};

  Uppercase(Settings settings, const ComponentContext&) {
    const auto it = settings.items.find("direction");
    const auto direction = it == settings.items.end() ? std::string() : text::lower(it->second);
    answers_ = direction == "response" || direction == "both";
    requests_ = direction != "response";
  }

  asio::awaitable<std::optional<Reply>> enter(net::RequestHead&, std::string, Step& step) override {
    if (requests_) step.request_body = std::make_unique<UpperCase>();
    if (answers_) step.answer_body = std::make_unique<UpperCase>();
    co_return std::nullopt;
  }

 private:
  bool requests_ = true, answers_ = false;
};

}  // namespace

std::string UpperCase::piece(std::string_view bytes) {
  std::string joined;
  if (!rest_.empty()) {
    joined = std::exchange(rest_, {}).append(bytes);
    bytes = joined;
  }
  std::string out;
  out.reserve(bytes.size() + kSequenceMax);
  while (!bytes.empty()) {
    const auto lead = static_cast<unsigned char>(bytes.front());
    const auto size = sequence_size(lead);
    const auto got = bytes.substr(0, size);
    if (size == 1) {
      out += lead >= 'a' && lead <= 'z' ? static_cast<char>(lead - 32) : bytes.front();
      bytes.remove_prefix(1);
      continue;
    }
    const auto follows = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
    if (!std::ranges::all_of(got.substr(1), follows)) {
      out += bytes.front();
      bytes.remove_prefix(1);
    } else if (got.size() < size) {
      rest_ = got;
      break;
    } else {
      const auto character = text::decode_utf8(got);
      const auto changed = upper(character.value);
      if (!character.valid || changed == character.value) out += got;
      else text::append_utf8(out, changed);
      bytes.remove_prefix(size);
    }
  }
  return out;
}

void register_uppercase(Catalog& catalog) { catalog.add<Uppercase>(); }

}  // namespace mecha::middleware
