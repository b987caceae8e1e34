// Document: a BSON document that is built once or read, without showing the vendor's types. A name or a value that BSON
// cannot hold (a NUL in a name, too much in one document, more than 100 levels) is told by `check` and by who sends it.
// Not thread safe; reading from several threads is.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"

struct _bson_t;

namespace mecha::mongodb {

class Document {
 public:
  Document();
  explicit Document(const _bson_t* other);  // a copy
  ~Document();
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  Document(const Document& other);
  Document& operator=(const Document& other);

  // Each appends a member.
  Document& text(std::string_view name, std::string_view bytes);  // a string of these bytes, UTF-8 or not
  Document& date(std::string_view name, std::int64_t milliseconds);  // since 1970
  Document& number(std::string_view name, std::int64_t value);
  Document& boolean(std::string_view name, bool value);
  Document& null(std::string_view name);
  Document& json(std::string_view name, const json::Value& value);  // all numbers become doubles
  Document& document(std::string_view name, const Document& value);
  Document& array(std::string_view name, const std::vector<Document>& values);
  Document& texts(std::string_view name, const std::vector<std::string>& values);

  // What could not be appended.
  Result<void> check() const;

  bool has(std::string_view name) const;
  // Empty unless the member is there and of this kind.
  std::optional<std::string> as_text(std::string_view name) const;
  std::optional<std::int64_t> as_date(std::string_view name) const;
  std::optional<std::int64_t> as_number(std::string_view name) const;
  // The member as JSON; what JSON does not know has the form of relaxed Extended JSON ({"$date":...}). Null if absent.
  Result<json::Value> as_json(std::string_view name) const;

  const _bson_t* handle() const { return handle_.get(); }

 private:
  struct Destroy {
    void operator()(_bson_t* handle) const;
  };
  Document& note(bool appended, std::string_view name);

  std::unique_ptr<_bson_t, Destroy> handle_;
  std::optional<std::string> problem_;
};

}  // namespace mecha::mongodb
