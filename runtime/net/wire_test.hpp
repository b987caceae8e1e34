// For tests of this folder: a server on a thread of its own, and raw blocking sockets to talk to it or to play a peer.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/net/server.hpp"
#include "tests/catch.hpp"

namespace mecha::net::testing {

// A blocking socket that gives up after five seconds.
class Raw {
 public:
  explicit Raw(int descriptor) : descriptor_(descriptor) {
    const timeval limit{5, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  static Raw dial(std::uint16_t port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return Raw(descriptor);
  }
  Raw(Raw&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  ~Raw() { close(); }

  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  void reset() {  // RST instead of FIN
    const linger off{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &off, sizeof off);
    close();
  }
  void half_close() { ::shutdown(descriptor_, SHUT_WR); }
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto count = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  // Reads until `mark` has been seen, the end, or five seconds of silence.
  std::string read_until(std::string_view mark) {
    std::string all;
    char buffer[4096];
    while (mark.empty() || all.find(mark) == std::string::npos) {
      const auto count = ::recv(descriptor_, buffer, sizeof buffer, 0);
      ended_ = count == 0;
      if (count <= 0) break;
      all.append(buffer, static_cast<std::size_t>(count));
    }
    return all;
  }
  std::string read_all() { return read_until({}); }
  bool ended() const { return ended_; }  // an orderly end was seen
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  bool ended_ = false;
};

class TestServer {
 public:
  explicit TestServer(Handler handler, ServerOptions options = {}, std::size_t shards = 1)
      : shards_(shards),
        server_(shards_, Listener::tcp("127.0.0.1", 0).value(), std::move(options), std::move(handler)) {
    server_.start();
    thread_ = std::thread([this] { shards_.run(); });
  }
  ~TestServer() {
    stop(std::chrono::milliseconds(0));
    thread_.join();
  }
  void stop(std::chrono::milliseconds grace) {
    if (stopped_) return;
    stopped_ = true;
    asio::co_spawn(shards_.executor(0), server_.stop(grace), [this](std::exception_ptr) { shards_.stop(); });
  }
  std::uint16_t port() const { return server_.port(); }
  std::size_t connections() const { return server_.connections(); }
  Shards& shards() { return shards_; }

  // All that comes back for `request` until the connection ends.
  std::string talk(std::string_view request) {
    auto raw = Raw::dial(port());
    raw.send(request);
    return raw.read_all();
  }

 private:
  Shards shards_;
  Server server_;
  std::thread thread_;
  bool stopped_ = false;
};

// A peer that plays a script: the first connection gets the first part, and so on. Joins at the end.
class ScriptedPeer {
 public:
  using Part = std::function<void(Raw&)>;
  explicit ScriptedPeer(std::vector<Part> parts)
      : listener_(Listener::tcp("127.0.0.1", 0).value()), parts_(std::move(parts)) {
    // The listener does not block; the script does.
    thread_ = std::thread([this] {
      for (const auto& part : parts_) {
        int descriptor = -1;
        for (int i = 0; i < 5000 && descriptor < 0 && !stop_; ++i) {
          descriptor = ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
          if (descriptor < 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        if (descriptor < 0) return;
        ++accepted_;
        Raw raw(descriptor);
        part(raw);
      }
    });
  }
  ~ScriptedPeer() {
    stop_ = true;
    thread_.join();
  }
  std::uint16_t port() const { return listener_.port(); }
  int accepted() const { return accepted_; }

 private:
  Listener listener_;
  std::vector<Part> parts_;
  std::thread thread_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> accepted_ = 0;
};

}  // namespace mecha::net::testing
