// The port of an application that did not say which it is: found by looking at what its processes listen on. The sidecar was
// told another port; connections to that one are passed on, so neither has to be started again.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "cli/listeners.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::cli {

// Which of them is the application's: `told` if it is there, else the oldest that is no debugger's.
const Listener* choose_listener(const std::vector<Listener>& all, std::uint16_t told);

// Waits until a process of the group listens, then passes connections to `told` on to it, if it is another port, until
// cancelled. `say` hears what was found.
asio::awaitable<void> follow_app_port(pid_t group, std::uint16_t told, std::function<void(std::string)> say);

// Looks for a while whether the application listens on the port that was told; `say` hears when it listens elsewhere instead.
asio::awaitable<void> check_app_port(pid_t group, std::uint16_t told, std::function<void(std::string)> say);

}  // namespace mecha::cli
