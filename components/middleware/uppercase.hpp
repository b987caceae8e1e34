// Upper case of a stream of UTF-8 by the simple mapping of Unicode: one code point becomes one code point. Bytes that are
// no UTF-8 pass as they are.

#pragma once

#include <utility>

#include "components/middleware/middleware.hpp"

namespace mecha::middleware {

class UpperCase final : public BodyTransform {
 public:
  std::string piece(std::string_view bytes) override;
  std::string end() override { return std::exchange(rest_, {}); }

 private:
  std::string rest_;  // the beginning of a sequence whose end has not come
};

}  // namespace mecha::middleware
