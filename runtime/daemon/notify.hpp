// Tells the service manager how far the daemon is (the datagram protocol of sd_notify(3)).

#pragma once

#include <string_view>

namespace mecha {

// Sends `state`, such as "READY=1", to the Unix datagram socket that the environment's NOTIFY_SOCKET names: a path, or an
// abstract name that begins with '@'. An empty name is no service manager, and nothing is sent. Never blocks; a manager that does
// not listen is its own fault, so there is no error.
void notify_service_manager(std::string_view socket_name, std::string_view state);

}  // namespace mecha
