// FieldList: header fields in the form that nghttp2 takes. Included in .cpp files of runtime/net only.

#pragma once

#include <string_view>

#include <boost/container/small_vector.hpp>
#include <nghttp2/nghttp2.h>

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

// Whether the field belongs to one HTTP/1.1 connection and never goes over HTTP/2.
bool is_connection_field(std::string_view name, std::string_view value);

}  // namespace mecha::net
