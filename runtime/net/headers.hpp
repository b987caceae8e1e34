// Headers: the fields of one message in order, repeated names kept. Names compare without case (ASCII) and keep the
// spelling they were given.
//
// Views that it returns live as long as the object and are not moved by later add() calls (bytes sit in an arena of
// chunks; a move of the object keeps them valid). erase() leaves the bytes in place until the object goes.

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mecha::net {

class Headers {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  Headers() = default;
  Headers(std::initializer_list<Field> fields);
  Headers(const Headers& other);
  Headers& operator=(const Headers& other);
  Headers(Headers&& other) noexcept;
  Headers& operator=(Headers&& other) noexcept;

  void add(std::string_view name, std::string_view value);
  void set(std::string_view name, std::string_view value);  // replaces all of that name
  std::size_t erase(std::string_view name);                 // how many went
  // Removes the fields for which `unwanted` holds; nothing is copied.
  template <class Predicate>
  void erase_if(Predicate unwanted) {
    std::erase_if(fields_, [&](const Field& field) {
      const bool gone = unwanted(field);
      if (gone) bytes_ -= field.name.size() + field.value.size();
      return gone;
    });
  }

  std::optional<std::string_view> get(std::string_view name) const;  // the first
  std::string_view value_or(std::string_view name, std::string_view otherwise = {}) const;
  bool has(std::string_view name) const { return get(name).has_value(); }
  std::vector<std::string_view> all(std::string_view name) const;

  bool empty() const { return fields_.empty(); }
  std::size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  void clear();
  // Gives back what is not used, for messages that stay long. Views of it end here.
  void shrink() { *this = Headers(*this); }
  // Bytes of names and values, for limits.
  std::size_t bytes() const { return bytes_; }

 private:
  void grow(std::size_t size);
  std::string_view store(std::string_view text);
  bool drop(const Field& field, std::string_view name);

  std::vector<Field> fields_;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t first_size_ = 0;  // of chunks_[0]
  std::size_t bytes_ = 0;
};

}  // namespace mecha::net
