// FieldList: header fields in the form that nghttp2 takes. Included in .cpp files of runtime/net only.

#pragma once

#include <string_view>

#include <boost/container/small_vector.hpp>
#include <nghttp2/nghttp2.h>

#include "runtime/base/error.hpp"
#include "runtime/net/headers.hpp"

namespace mecha::net {

// Holds views: nghttp2 copies (and lowers the names) when it takes the list.
class FieldList {
 public:
  void add(std::string_view name, std::string_view value);
  // Leaves out what HTTP/2 forbids: fields of the connection, and names or values with characters that break it.
  void add_all(const Headers& headers);

  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  boost::container::small_vector<nghttp2_nv, 32> fields_;
};

// As much of one value as nghttp2 decodes, in its encoded form; a compile-time limit of the library (NGHTTP2_HD_MAX_NV). A longer one makes
// the peer that uses it end the whole connection.
inline constexpr std::size_t kFieldMax = 65536;

bool is_too_long(std::string_view value);
// The name of a field with more; empty if there is none. What add_all() leaves out does not count.
std::string_view too_long_field(const Headers& headers);
// The failure of a call that has such a field.
Error field_too_long(std::string_view name);

// Whether the field belongs to one HTTP/1.1 connection and never goes over HTTP/2.
bool is_connection_field(std::string_view name, std::string_view value);

}  // namespace mecha::net
