// The descriptors of the whole API: a serialised google.protobuf.FileDescriptorSet, for reflection.

#pragma once

#include <string_view>

namespace mecha::api {

std::string_view api_descriptors();

}  // namespace mecha::api
