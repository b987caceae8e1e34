#include "cli/remedy.hpp"

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

struct Advice {
  std::string_view all_of[2];  // parts of the text in lower case; an empty one is always there
  std::string_view advice;
};

// The first that fits counts.
constexpr Advice kAdvice[] = {
    {{"conflicts with 'app-port'"}, "the sidecar and the application cannot listen on one port; --app-port is the application's own port, and without --dapr-http-port a free one is chosen"},
    {{"'health-probe-timeout' must be smaller"}, "--app-health-probe-timeout counts in milliseconds and --app-health-probe-interval in seconds: a probe must end before the next one"},
    {{"address already in use"}, "another program listens there; choose another port, or leave the port flags out and free ones are chosen. `mecha list` shows what runs"},
    {{"err_direct_invoke", "connection refused"}, "the sidecar runs, but nothing listens on the application's port: is the application up, and is --app-port the port that it listens on?"},
    {{"app channel not initialized"}, "the called application was started without --app-port, so its sidecar cannot call it; start it with --app-port <port of the application>"},
    {{"err_direct_invoke", "couldn't find service"}, "no sidecar with that id is known on this host; `mecha list` shows those that run"},
    {{"no host found with the given id"}, "no sidecar with that id is known on this host; `mecha list` shows those that run"},
    {{"app is not in a healthy state"}, "the health check of the called application fails; look at its log, or start it without --enable-app-health-check"},
    {{"err_pubsub_not_found"}, "the sidecar has no broker of that name; `mecha status` lists its components, and a Component of a type pubsub.* in its resources folder adds one"},
    {{"err_pubsub_not_configured"}, "the sidecar has no broker; a Component of a type pubsub.* in its resources folder adds one (`mecha components pubsub`)"},
    {{"err_pubsub_forbidden"}, "the scopes of the broker do not allow this application that topic; see publishingScopes and allowedTopics of its Component"},
    {{"not in this build"}, "`mecha components` lists what is in this build"},
    {{"couldn't find"}, "that type or version is not in this build; `mecha components` lists what is, `mecha describe TYPE` its settings"},
    {{"incorrect type"}, "the type of a Component is <category>.<name>, such as state.redis; `mecha components` lists all of them"},
    {{"init_component_failure", "connection refused"}, "the backend of that component does not run or runs elsewhere: start it or correct its address"},
    {{"status 413"}, "the body is larger than the sidecar takes; start it with --max-body-size, such as 16Mi"},
    {{"larger than max"}, "the message is larger than the sidecar takes; start it with --max-body-size, such as 16Mi"},
    {{"stream too large"}, "the body is larger than the sidecar takes; start it with --max-body-size, such as 16Mi"},
    {{"status 50", "error reading from server"}, "the application ended the connection: does it speak the protocol that --app-protocol says? A server of HTTP needs --app-protocol http, one of gRPC grpc"},
    {{"reading server preface"}, "the application does not speak gRPC on that port: start it with --app-protocol http, or let it listen for gRPC"},
    {{"malformed http response"}, "the application does not speak HTTP/1.1 on that port: start it with the --app-protocol that it speaks"},
    {{"init timeout"}, "the backend of that component does not answer in time: is its address right? `mecha doctor --resources-path DIR` looks whether its servers answer"},
    {{"unable to open database file"}, "the folder of that file does not exist or cannot be written: make it, or correct the path; a relative one begins where the sidecar is started"},
    {{"init_component_failure", "no such file or directory"}, "make that file, or correct its path; a relative one begins where the sidecar is started"},
    {{"init_component_failure", "authentication failed"}, "the backend does not know these credentials: correct user and password of that component"},
    {{"init_component_failure", "wrongpass"}, "the backend does not know these credentials: correct user and password of that component"},
    {{"missing 'authtype'"}, "say how the broker knows its clients: - {name: authType, value: none}, or password, mtls, certificate, oidc"},
    {{"access denied for user"}, "the backend does not know these credentials: correct user and password of that component"},
    {{"access_refused"}, "the backend does not know these credentials: correct user and password of that component"},
    {{"bad user name or password"}, "the backend does not know these credentials: correct user and password of that component"},
    {{"broker", "not authorized"}, "the backend does not know these credentials: correct user and password of that component"},
    {{"authorization violation"}, "the backend does not know these credentials: correct user and password of that component"},
    {{"sasl authentication"}, "the backend does not know these credentials: correct user and password of that component"},
    {{"without any password configured"}, "the backend wants no password: take it out of that component"},
    {{"signed by unknown authority"}, "nobody here knows who signed the certificate of the backend: give that component the certificate of its authority (`mecha describe TYPE` shows by which item)"},
    {{"ssl handshake failed", "unexpected eof"}, "the backend does not speak TLS on that port: is it the right one, and does that component have to use TLS (Kafka: authType, disableTls)?"},
    {{"run out of available brokers"}, "no Kafka broker answers there: is the port right, and are authType and TLS those of its listener?"},
    {{"serverselectiontimeoutms"}, "no MongoDB server answers there: is the address right, and the name of the replica set?"},
    {{"memcached", "unexpected answer"}, "what listens there is not memcached: is the port right?"},
    {{"init_component_failure", "noauth"}, "the backend wants a password: give that component one"},
    {{"init_component_failure", "cannot be resolved"}, "the name of the backend is not known: is it spelled right, and does DNS work?"},
    {{"init_component_failure", "no such host"}, "the name of the backend is not known: is it spelled right, and does DNS work?"},
    {{"failed to create watcher"}, "the folder of --resources-path does not exist; create it or name another"},
    {{"error loading configuration"}, "`mecha check FILE` says what is wrong with the file"},
    {{"error when parsing manifests yaml"}, "`mecha check DIR` says what is wrong, with the line"},
    {{"invalid api token"}, "the sidecar demands a token; set DAPR_API_TOKEN to the one that it was started with"},
    {{"unauthorized"}, "set DAPR_API_TOKEN and the credentials of the backend"},
    {{"no such host"}, "the name of the host is not known; is it spelled right, and does DNS work?"},
    {{"connection refused"}, "nothing listens there; has it been started, and is the port right?"},
    {{"init_component_failure"}, "`mecha describe TYPE` shows the settings of that component, `mecha check DIR` what is wrong with its file, `mecha doctor --resources-path DIR` whether its servers answer"},
    {{"context deadline exceeded"}, "it does not answer in time; is the address right, and is it overloaded?"},
};

// The message in an envelope of either form; the line itself if it has none.
std::string message_of(std::string_view line) {
  if (line.starts_with('{')) {
    const auto entry = json::parse(line);
    if (entry && !entry->text("msg").empty()) return std::string(entry->text("msg"));
  }
  constexpr std::string_view kField = " msg=\"";
  const auto begin = line.find(kField);
  if (begin == std::string_view::npos) return std::string(line);
  std::string message;
  for (auto at = begin + kField.size(); at < line.size() && line[at] != '"'; ++at) {
    if (line[at] == '\\' && at + 1 < line.size()) {
      ++at;
      message += line[at] == 'n' || line[at] == 't' ? ' ' : line[at];
    } else {
      message += line[at];
    }
  }
  return message;
}

void drop_front(std::string& text, std::string_view begin, std::string_view end) {
  if (!text.starts_with(begin)) return;
  const auto at = text.find(end, begin.size());
  if (at != std::string::npos) text.erase(0, at + end.size());
}

}  // namespace

std::string plain_words(std::string_view line) {
  auto text = message_of(line);
  drop_front(text, "Fatal error from runtime: ", "");
  drop_front(text, "process component ", " error: ");
  constexpr std::string_view kAbout = "]: initialization error occurred for ";
  std::string title;
  while (text.starts_with('[')) {
    const auto about = text.find(kAbout), end = text.find("): ", about == std::string::npos ? 0 : about);
    if (about == std::string::npos || end == std::string::npos) break;
    title = "component " + text.substr(about + kAbout.size(), end + 1 - about - kAbout.size()) + ": ";
    text.erase(0, end + 3);
  }
  return title + text;
}

std::string_view remedy(std::string_view text) {
  const auto lower = text::lower(text);
  for (const auto& [parts, advice] : kAdvice) {
    if (lower.find(parts[0]) != std::string::npos && lower.find(parts[1]) != std::string::npos) return advice;
  }
  return {};
}

std::string with_remedy(std::string text) {
  const auto advice = remedy(text);
  if (!advice.empty()) text += "\n  remedy: " + std::string(advice);
  return text;
}

}  // namespace mecha::cli
