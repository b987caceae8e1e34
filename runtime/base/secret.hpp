// Secret: a text that never shows itself by accident.

#pragma once

#include <string>
#include <utility>

namespace mecha {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  // The text itself; every use is a place to review.
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};

}  // namespace mecha
