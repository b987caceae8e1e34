// The bulk operations of bindings.aws.s3: their data, their answers, and the XML of a deletion. No I/O. Internal to aws_s3.cpp.

#pragma once

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

// From {"items":[{"key","filePath","data","contentType"}],"concurrency"}; fails without an item.
Result<S3Bulk> s3_bulk_items(const std::string& operation, const std::string& data);
// From {"keys":[]}; fails without one.
Result<std::vector<std::string>> s3_bulk_keys(const std::string& data);
std::string s3_bulk_answer(const std::vector<S3BulkResult>& results);

// The body that asks for the deletion of up to 1000 keys.
std::string s3_delete_document(std::span<const std::string> keys);
// From its answer: the keys that were not deleted, and why.
Result<std::vector<std::pair<std::string, std::string>>> s3_delete_errors(std::string_view xml);

}  // namespace mecha::bindings
