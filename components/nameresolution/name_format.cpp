// nameformat: the address is a text made of the id (contract 06, 6.5).

#include "components/nameresolution/resolver.hpp"

namespace mecha::nameresolution {
namespace {

constexpr std::string_view kPlaceholder = "{appid}";

class NameFormat final : public Resolver {
 public:
  explicit NameFormat(std::string format) : format_(std::move(format)) {}

  Async<std::string> resolve(ResolveRequest request) override {
    // A format without the placeholder names nobody.
    if (format_.find(kPlaceholder) == std::string::npos) co_return std::string();
    co_return text::replace_all(format_, kPlaceholder, request.id);
  }

 private:
  std::string format_;
};

}  // namespace

Result<std::unique_ptr<Resolver>> make_name_format(
    const json::Value& configuration, const Self&, const ComponentContext&
) {
  const auto* format = configuration.find_nocase("format");
  if (format == nullptr || !format->is_string() || format->as_string().empty()) {
    return fail(Code::invalid_argument, "format is required");
  }
  return std::make_unique<NameFormat>(format->as_string());
}

}  // namespace mecha::nameresolution
