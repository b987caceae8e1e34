#include "runtime/base/error.hpp"

#include <array>

namespace mecha {
namespace {

constexpr std::array<std::string_view, 17> kNames{
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
};

constexpr std::array<unsigned, 17> kHttp{200, 408, 500, 400, 504, 404, 409, 403, 429,
                                         400, 409, 400, 501, 500, 503, 500, 401};

// Of what comes from outside and has no name.
std::string_view numbered(std::size_t code) {
  static const auto texts = [] {
    std::array<std::string, 256> all;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = "Code(" + std::to_string(i) + ")";
    return all;
  }();
  return texts[code];
}

std::string nested(std::string_view kind, const Error& error) {
  std::string text{kind};
  text.append(" error: code = ").append(code_name(error.code));
  text.append(" desc = ").append(error.message);
  return text;
}

}  // namespace

std::string_view code_name(Code code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : numbered(index);
}

unsigned http_status_of(Code code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kHttp.size() ? kHttp[index] : 500;
}

Code code_of_http_status(unsigned status) {
  if (status >= 200 && status < 300) return Code::ok;
  switch (status) {
    case 400: return Code::internal;
    case 401: return Code::unauthenticated;
    case 403: return Code::permission_denied;
    case 404: return Code::not_found;
    case 408: return Code::cancelled;
    case 409: return Code::already_exists;
    case 429: return Code::resource_exhausted;
    case 501: return Code::unimplemented;
    case 503: return Code::unavailable;
    case 504: return Code::deadline_exceeded;
    default: return Code::unknown;
  }
}

Error Error::context(std::string_view what) && {
  message.insert(0, ": ").insert(0, what);
  return std::move(*this);
}

std::string Error::as_rpc_text() const { return nested("rpc", *this); }
std::string Error::as_api_text() const { return nested("api", *this); }

}  // namespace mecha
