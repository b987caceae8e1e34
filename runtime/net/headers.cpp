#include "runtime/net/headers.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/text.hpp"

namespace mecha::net {
namespace {
constexpr std::size_t kChunk = 1024;
}

Headers::Headers(std::initializer_list<Field> fields) {
  for (const auto& field : fields) add(field.name, field.value);
}

// A copy takes what it needs: its arena is as large as its bytes.
Headers::Headers(const Headers& other) {
  if (other.empty()) return;
  fields_.reserve(other.fields_.size());
  grow(other.bytes_);
  for (const auto& field : other.fields_) add(field.name, field.value);
}

Headers& Headers::operator=(const Headers& other) {
  if (this != &other) *this = Headers(other);
  return *this;
}

// The source is left empty and usable: its arena has gone with the fields.
Headers::Headers(Headers&& other) noexcept { *this = std::move(other); }

Headers& Headers::operator=(Headers&& other) noexcept {
  if (this == &other) return *this;
  fields_ = std::move(other.fields_);
  chunks_ = std::move(other.chunks_);
  next_ = std::exchange(other.next_, nullptr);
  left_ = std::exchange(other.left_, 0);
  first_size_ = std::exchange(other.first_size_, 0);
  bytes_ = std::exchange(other.bytes_, 0);
  other.fields_.clear();
  other.chunks_.clear();
  return *this;
}

void Headers::grow(std::size_t size) {
  if (chunks_.empty()) first_size_ = size;
  chunks_.push_back(std::make_unique_for_overwrite<char[]>(size));
  next_ = chunks_.back().get();
  left_ = size;
}

std::string_view Headers::store(std::string_view text) {
  if (text.size() > left_) grow(std::max(kChunk, text.size()));
  if (!text.empty()) std::memcpy(next_, text.data(), text.size());
  const std::string_view kept(next_, text.size());
  next_ += text.size();
  left_ -= text.size();
  return kept;
}

void Headers::add(std::string_view name, std::string_view value) {
  if (fields_.capacity() == 0) fields_.reserve(8);
  const auto kept = store(name);
  fields_.push_back({kept, store(value)});
  bytes_ += name.size() + value.size();
}

void Headers::set(std::string_view name, std::string_view value) {
  for (auto it = fields_.begin(); it != fields_.end(); ++it) {
    if (!text::equals_nocase(it->name, name)) continue;
    bytes_ += value.size() - it->value.size();
    it->value = store(value);
    const auto same = [&](const Field& field) { return drop(field, name); };
    fields_.erase(std::remove_if(it + 1, fields_.end(), same), fields_.end());
    return;
  }
  add(name, value);
}

std::size_t Headers::erase(std::string_view name) {
  return std::erase_if(fields_, [&](const Field& field) { return drop(field, name); });
}

// Says whether the field goes, and takes its bytes off then.
bool Headers::drop(const Field& field, std::string_view name) {
  if (!text::equals_nocase(field.name, name)) return false;
  bytes_ -= field.name.size() + field.value.size();
  return true;
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& field : fields_) {
    if (text::equals_nocase(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::string_view Headers::value_or(std::string_view name, std::string_view otherwise) const {
  return get(name).value_or(otherwise);
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& field : fields_) {
    if (text::equals_nocase(field.name, name)) values.push_back(field.value);
  }
  return values;
}

void Headers::clear() {
  fields_.clear();
  bytes_ = 0;
  // The first chunk stays, so that a head that is filled again and again does not allocate.
  if (chunks_.size() > 1) chunks_.resize(1);
  if (chunks_.empty()) return;
  next_ = chunks_.front().get();
  left_ = first_size_;
}

}  // namespace mecha::net
