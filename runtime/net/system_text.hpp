// The words of system errors, as the reference prints them ("connection refused"), and addresses as text.

#pragma once

#include <string>
#include <string_view>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>

#include "runtime/base/result.hpp"

namespace mecha::net {

std::string system_text(const boost::system::error_code& error);
// "remote error: tls: unknown certificate authority" if the error is an alert of the other side; empty otherwise.
std::string alert_text(const boost::system::error_code& error);
std::string endpoint_text(const boost::asio::generic::stream_protocol::endpoint& endpoint);

// "read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer"; `verb` is "read" or "write".
Error socket_failure(
    const boost::asio::generic::stream_protocol::socket& socket,
    std::string_view verb,
    const boost::system::error_code& error
);

}  // namespace mecha::net
