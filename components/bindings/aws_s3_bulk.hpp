// The bulk operations of bindings.aws.s3: their data, their answers, and the XML of a deletion. No I/O. Internal to aws_s3.cpp.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::bindings {

struct S3BulkItem {
  std::string key;
  std::optional<std::string> file, data, content_type;
};

struct S3Bulk {
  std::vector<S3BulkItem> items;
  std::size_t at_once = 10;
};

// What became of one item; empty texts but the key are left out of the answer.
struct S3BulkResult {
  std::string key, data, location, error;
};

// The bytes that the objects of one operation may have together, while they are in memory. On one shard.
class S3Budget {
 public:
  explicit S3Budget(std::uint64_t bytes) : left_(bytes) {}

 private:
  friend class S3Share;
  std::uint64_t left_;
};

// The part of one object; it goes back when the object does, unless that is kept for the answer. The budget outlives it.
class S3Share {
 public:
  explicit S3Share(S3Budget& budget) : budget_(budget) {}
  ~S3Share() { budget_.left_ += taken_; }
  S3Share(const S3Share&) = delete;
  S3Share& operator=(const S3Share&) = delete;

  // Fails when there is not so much left.
  Result<void> take(std::size_t bytes);
  void keep() { taken_ = 0; }

 private:
  S3Budget& budget_;
  std::uint64_t taken_ = 0;
};

// From {"items":[{"key","filePath","data","contentType"}],"concurrency"}; fails without an item.
Result<S3Bulk> s3_bulk_items(const std::string& operation, const std::string& data);
// From {"keys":[]}; fails without one.
Result<std::vector<std::string>> s3_bulk_keys(const std::string& data);
std::string s3_bulk_answer(const std::vector<S3BulkResult>& results);

// Whether a document of XML 1.0 can name the key: one that it cannot would fail all keys beside it.
bool s3_fits_xml(std::string_view key);
// The body that asks for the deletion of up to 1000 keys.
std::string s3_delete_document(std::span<const std::string> keys);
// From its answer: the keys that were not deleted, and why.
Result<std::vector<std::pair<std::string, std::string>>> s3_delete_errors(std::string_view xml);

}  // namespace mecha::bindings
