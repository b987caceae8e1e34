// reach(): a connection to a server of a component, and a question that costs nothing where its protocol has one.

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "cli/endpoints.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return descriptor_; }

  // Waits for `what` until `end`.
  bool wait(short what, Clock::time_point end) const {
    pollfd entry{.fd = descriptor_, .events = what, .revents = 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    return ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) == 1;
  }

 private:
  int descriptor_;
};

struct Question {
  std::string_view type, ask, begins, who;
};

// Who speaks first is only listened to. An empty `begins` takes any answer.
constexpr std::string_view kAmqp("AMQP\0\0\x09\x01", 8);
constexpr std::string_view kTlsOfPostgres("\0\0\0\x08\x04\xd2\x16\x2f", 8);
constexpr std::string_view kHttp2("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", 33);
constexpr std::array<Question, 8> kQuestions{
    Question{"application.grpc", kHttp2, std::string_view("\0\0", 2), "a gRPC server"},
    Question{".redis", "TIME\r\n", "", "Redis"},
    Question{".jetstream", "", "INFO ", "NATS"},
    Question{".memcached", "version\r\n", "VERSION ", "memcached"},
    Question{".rabbitmq", kAmqp, std::string_view("\x01\0\0", 3), "an AMQP server"},
    Question{".postgresql", kTlsOfPostgres, "", "PostgreSQL"},
    Question{".mysql", "", "", "MySQL"},
    Question{".smtp", "", "220", "a mail server"},
};

std::string talk(const Socket& socket, std::string_view ask, Clock::time_point end) {
  if (!ask.empty() && ::send(socket.get(), ask.data(), ask.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(ask.size())) return {};
  if (!socket.wait(POLLIN, end)) return {};
  std::array<char, 512> buffer{};
  const auto size = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
  return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string();
}

// "*2\r\n$10\r\n1700000000\r\n$6\r\n123456\r\n"
void read_clock(const std::string& answer, Reached& reached) {
  const auto lines = text::split(answer, '\n');
  if (!answer.starts_with("*2") || lines.size() < 3) return;
  const auto seconds = text::to_int(text::trim(lines[2]));
  if (!seconds) return;
  reached.knows_clock = true;
  reached.clock_ms = *seconds * 1000 + 500 - unix_ms();  // to half a second
}

void ask(const Socket& socket, const std::string& type, Clock::time_point end, Reached& reached) {
  for (const auto& question : kQuestions) {
    if (type.find(question.type) == std::string::npos) continue;
    const auto answer = talk(socket, question.ask, end);
    if (answer.empty()) {
      reached.trouble = "something listens there, but does not answer like " + std::string(question.who);
    } else if (!answer.starts_with(question.begins)) {
      reached.trouble = "what listens there is not " + std::string(question.who);
    } else {
      reached.said = question.who;
    }
    if (question.who == "Redis") {
      if (!answer.empty() && answer[0] != '*' && answer[0] != '-' && answer[0] != '+') reached.trouble = "what listens there is not Redis";
      read_clock(answer, reached);
    }
    if (!reached.trouble.empty()) reached.said.clear();
    return;
  }
}

// Why it failed, or empty.
std::string connect_to(const Socket& socket, const addrinfo& address, Clock::time_point end) {
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return {};
  if (errno != EINPROGRESS) return std::strerror(errno);
  if (!socket.wait(POLLOUT, end)) return "no answer in time";
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? std::string() : std::string(std::strerror(error));
}

}  // namespace

Reached reach(const Endpoint& endpoint, const std::string& type, int limit_ms) {
  const auto end = Clock::now() + std::chrono::milliseconds(limit_ms);
  Reached reached;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int failed = ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &list); failed != 0) {
    reached.trouble = "the name " + endpoint.host + " cannot be resolved: " + ::gai_strerror(failed);
    return reached;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  for (const auto* address = list; address != nullptr; address = address->ai_next) {
    const Socket socket(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) continue;
    reached.trouble = connect_to(socket, *address, end);
    if (!reached.trouble.empty()) continue;
    reached.connected = true;
    if (!endpoint.tls) ask(socket, type, end, reached);
    return reached;
  }
  if (reached.trouble.empty()) reached.trouble = "no address of " + endpoint.host + " can be used";
  return reached;
}

}  // namespace mecha::cli
