#include "components/mongodb/document.hpp"

#include <utility>

#include <bson/bson.h>

#include "runtime/base/text.hpp"

// The alignment of bson_t is in its typedef, not in the struct that can be named ahead; the driver itself makes all of them.
#pragma clang diagnostic ignored "-Walign-mismatch"

namespace mecha::mongodb {
namespace {

constexpr int kDepthMax = 100;  // of the server

int length(std::string_view text) { return static_cast<int>(text.size()); }
bool is_name(std::string_view name) { return name.find('\0') == std::string_view::npos; }

bool append(bson_t* to, std::string_view name, const json::Value& value, int depth);

bool append_object(bson_t* to, std::string_view name, const json::Object& object, int depth) {
  bson_t child;
  if (!bson_append_document_begin(to, name.data(), length(name), &child)) return false;
  bool good = true;
  for (const auto& [key, value] : object) good = good && append(&child, key, value, depth + 1);
  return bson_append_document_end(to, &child) && good;
}

bool append_array(bson_t* to, std::string_view name, const json::Array& array, int depth) {
  bson_t child;
  if (!bson_append_array_begin(to, name.data(), length(name), &child)) return false;
  bool good = true;
  std::size_t index = 0;
  for (const auto& value : array) good = good && append(&child, std::to_string(index++), value, depth + 1);
  return bson_append_array_end(to, &child) && good;
}

bool append(bson_t* to, std::string_view name, const json::Value& value, int depth) {
  if (depth > kDepthMax || !is_name(name)) return false;
  if (value.is_object()) return append_object(to, name, value.as_object(), depth);
  if (value.is_array()) return append_array(to, name, value.as_array(), depth);
  if (value.is_string()) return bson_append_utf8(to, name.data(), length(name), value.as_string().data(), length(value.as_string()));
  if (value.is_number()) return bson_append_double(to, name.data(), length(name), value.as_double());
  if (value.is_bool()) return bson_append_bool(to, name.data(), length(name), value.as_bool());
  return bson_append_null(to, name.data(), length(name));
}

std::optional<bson_iter_t> find(const bson_t* document, std::string_view name) {
  bson_iter_t at;
  if (!bson_iter_init_find_w_len(&at, document, name.data(), length(name))) return std::nullopt;
  return at;
}

}  // namespace

void Document::Destroy::operator()(_bson_t* handle) const { bson_destroy(handle); }

Document::Document() : handle_(bson_new()) {}
Document::Document(const _bson_t* other) : handle_(bson_copy(other)) {}
Document::~Document() = default;
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::Document(const Document& other) : handle_(bson_copy(other.handle())), problem_(other.problem_) {}
Document& Document::operator=(const Document& other) {
  Document copy(other);
  return *this = std::move(copy);
}

Document& Document::note(bool appended, std::string_view name) {
  if (!appended && !problem_) problem_ = "the value of " + text::quote(name) + " cannot be stored: it is too large, too deep, or has a name with a NUL";
  return *this;
}

Document& Document::text(std::string_view name, std::string_view bytes) {
  return note(is_name(name) && bson_append_utf8(handle_.get(), name.data(), length(name), bytes.data(), length(bytes)), name);
}
Document& Document::date(std::string_view name, std::int64_t milliseconds) {
  return note(bson_append_date_time(handle_.get(), name.data(), length(name), milliseconds), name);
}
Document& Document::number(std::string_view name, std::int64_t value) {
  return note(bson_append_int64(handle_.get(), name.data(), length(name), value), name);
}
Document& Document::boolean(std::string_view name, bool value) {
  return note(bson_append_bool(handle_.get(), name.data(), length(name), value), name);
}
Document& Document::null(std::string_view name) { return note(bson_append_null(handle_.get(), name.data(), length(name)), name); }
Document& Document::json(std::string_view name, const json::Value& value) { return note(append(handle_.get(), name, value, 1), name); }

Document& Document::document(std::string_view name, const Document& value) {
  if (value.problem_ && !problem_) problem_ = value.problem_;
  return note(is_name(name) && bson_append_document(handle_.get(), name.data(), length(name), value.handle()), name);
}

Document& Document::array(std::string_view name, const std::vector<Document>& values) {
  Document list;
  for (std::size_t i = 0; i < values.size(); ++i) list.document(std::to_string(i), values[i]);
  if (list.problem_ && !problem_) problem_ = list.problem_;
  return note(bson_append_array(handle_.get(), name.data(), length(name), list.handle()), name);
}

Document& Document::texts(std::string_view name, const std::vector<std::string>& values) {
  Document list;
  for (std::size_t i = 0; i < values.size(); ++i) list.text(std::to_string(i), values[i]);
  if (list.problem_ && !problem_) problem_ = list.problem_;
  return note(bson_append_array(handle_.get(), name.data(), length(name), list.handle()), name);
}

Result<void> Document::check() const {
  if (problem_) return fail(Code::invalid_argument, *problem_);
  return {};
}

bool Document::has(std::string_view name) const { return find(handle(), name).has_value(); }

std::optional<std::string> Document::as_text(std::string_view name) const {
  const auto at = find(handle(), name);
  if (!at || !BSON_ITER_HOLDS_UTF8(&*at)) return std::nullopt;
  std::uint32_t size = 0;
  const char* bytes = bson_iter_utf8(&*at, &size);
  return std::string(bytes, size);
}

std::optional<std::int64_t> Document::as_date(std::string_view name) const {
  const auto at = find(handle(), name);
  if (!at || !BSON_ITER_HOLDS_DATE_TIME(&*at)) return std::nullopt;
  return bson_iter_date_time(&*at);
}

std::optional<std::int64_t> Document::as_number(std::string_view name) const {
  const auto at = find(handle(), name);
  if (!at || !BSON_ITER_HOLDS_NUMBER(&*at)) return std::nullopt;
  return bson_iter_as_int64(&*at);
}

Result<json::Value> Document::as_json(std::string_view name) const {
  const auto at = find(handle(), name);
  if (!at) return json::Value();
  Document alone;
  if (!bson_append_iter(alone.handle_.get(), "v", 1, &*at)) return fail(Code::internal, "the value of the record is too large");
  const std::unique_ptr<char, decltype(&bson_free)> words(bson_as_relaxed_extended_json(alone.handle(), nullptr), &bson_free);
  if (words == nullptr) return fail(Code::internal, "the value of the record is no valid BSON");
  MECHA_TRY(auto parsed, json::parse(words.get()));
  return std::move(parsed.as_object().find("v")->second);
}

}  // namespace mecha::mongodb
